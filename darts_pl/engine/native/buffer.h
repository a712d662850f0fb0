// Memory of kernels, aligned for vectors.
#pragma once
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "vectors.h"

// For functions of headers that have static variables, which would otherwise be shared by the libraries of several
// targets that a process has loaded.
#define OF_THIS_LIBRARY __attribute__((visibility("hidden")))

namespace darts::dense {

// Blocks that were given back and wait to be used again: new ones come from the system page by page, zeroed.
class BlockStore {
public:
    // A block of at least so many bytes, its size rounded up to a power of two.
    void* lend(size_t& bytes) {
        size_t rounded = 1024;
        while (rounded < bytes) rounded *= 2;
        bytes = rounded;
        {
            std::lock_guard<std::mutex> guard(mutex);
            const auto found = free_blocks.find(bytes);
            if (found != free_blocks.end()) {
                void* block = found->second;
                free_blocks.erase(found);
                waiting -= bytes;
                return block;
            }
        }
        void* block = aligned_alloc(ALIGNMENT, bytes);
        if (!block) throw std::bad_alloc();
        return block;
    }

    void give_back(void* block, size_t bytes) {
        {
            std::lock_guard<std::mutex> guard(mutex);
            if (waiting + bytes <= MOST_WAITING) {
                free_blocks.emplace(bytes, block);
                waiting += bytes;
                return;
            }
        }
        free(block);
    }

    OF_THIS_LIBRARY static BlockStore& shared() {
        static BlockStore* store = new BlockStore;  // never destroyed: threads may end later
        return *store;
    }

private:
    static constexpr size_t MOST_WAITING = size_t(64) << 20;

    std::mutex mutex;
    std::multimap<size_t, void*> free_blocks;
    size_t waiting = 0;
};

// `count` Ts, as they come or all zero; given back with the buffer.
template <class T> class Buffer {
public:
    explicit Buffer(size_t count = 0, bool zeroed = false) : bytes(count * sizeof(T)) {
        if (!count) return;
        const size_t needed = bytes;
        values = static_cast<T*>(BlockStore::shared().lend(bytes));
        if (zeroed) memset(values, 0, needed);
    }
    Buffer(Buffer&& other) noexcept : values(std::exchange(other.values, nullptr)), bytes(other.bytes) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(values, other.values);
        std::swap(bytes, other.bytes);
        return *this;
    }
    ~Buffer() {
        if (values) BlockStore::shared().give_back(values, bytes);
    }

    T* data() const { return values; }

private:
    T* values = nullptr;
    size_t bytes;
};

}  // namespace darts::dense
