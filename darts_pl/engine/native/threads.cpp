#include "threads.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace darts {
namespace {

struct Job {
    void (*task)(void*, int, int);
    void* context;
    int tasks, helpers;  // helpers: threads beside the one that asks
};

class Pool {
public:
    // Whether the job was run: false while another thread's is.
    bool run(const Job& given) {
        std::unique_lock<std::mutex> only(busy, std::try_to_lock);
        if (!only) return false;
        while (threads < given.helpers) std::thread(&Pool::serve, this, threads++).detach();
        {
            std::lock_guard<std::mutex> guard(mutex);
            job = given;
            next = 0;
            number++;
        }
        start.notify_all();
        take(given, 0);
        std::unique_lock<std::mutex> guard(mutex);
        job.helpers = 0;  // who wakes from now on comes too late
        done.wait(guard, [this] { return working == 0; });
        return true;
    }

private:
    void serve(int index) {
        long seen = 0;
        std::unique_lock<std::mutex> guard(mutex);
        while (true) {
            start.wait(guard, [&] { return number != seen; });
            seen = number;
            if (index >= job.helpers) continue;
            const Job mine = job;
            working++;
            guard.unlock();
            take(mine, index + 1);
            guard.lock();
            if (--working == 0) done.notify_one();
        }
    }

    void take(const Job& from, int worker) {
        for (int index = next++; index < from.tasks; index = next++) from.task(from.context, index, worker);
    }

    std::mutex busy, mutex;
    std::condition_variable start, done;
    Job job = {};
    std::atomic<int> next{0};
    long number = 0;
    int threads = 0, working = 0;
};

std::atomic<Pool*> pool{nullptr};  // never destroyed: its threads wait until the process ends

// The threads of a process do not come along into one that is forked from it.
void forget() { pool = nullptr; }

Pool* the_pool() {
    if (Pool* found = pool) return found;
    static std::mutex making;
    std::lock_guard<std::mutex> guard(making);
    if (!pool) {
#if !defined(_WIN32)
        static const int registered = pthread_atfork(nullptr, nullptr, forget);
        (void)registered;
#endif
        pool = new Pool;
    }
    return pool;
}

}  // namespace

void run_tasks(int tasks, int threads, void (*task)(void*, int, int), void* context) {
    const int used = threads < tasks ? threads : tasks;
    if (used > 1 && the_pool()->run({task, context, tasks, used - 1})) return;
    for (int index = 0; index < tasks; index++) task(context, index, 0);
}

}  // namespace darts
