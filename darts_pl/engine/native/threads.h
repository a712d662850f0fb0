// A pool of threads that wait without spinning.
#pragma once

namespace darts {

// Runs task(context, index, worker) for every index below `tasks` on up to `threads` threads, this one among them, and
// returns when all are done. `worker`, below `threads`, is another one for every thread at work. Which thread takes
// which index is left to chance, so that no result may depend on it.
void run_tasks(int tasks, int threads, void (*task)(void* context, int index, int worker), void* context);

template <class F> void parallel(int tasks, int threads, F&& body) {
    run_tasks(tasks, threads, [](void* f, int index, int worker) { (*static_cast<F*>(f))(index, worker); }, &body);
}

// Work on a batch is handed out in chunks of images. How many there are depends on the batch alone, and what chunks
// add up is added in their order: the results are the same for any number of threads.
constexpr int MOST_CHUNKS = 16;

struct Chunks {
    int images, count;
    explicit Chunks(int images) : images(images), count(images < MOST_CHUNKS ? images : MOST_CHUNKS) {}
    int begin(int chunk) const { return (int)((long)images * chunk / count); }
    int end(int chunk) const { return begin(chunk + 1); }
};

}  // namespace darts
