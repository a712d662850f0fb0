// Memory of kernels, aligned for vectors.
#pragma once
#include <cstdlib>
#include <new>

#include "vectors.h"

namespace darts::dense {

// `count` Ts, as they come or all zero; freed with the buffer.
template <class T> class Buffer {
public:
    explicit Buffer(size_t count = 0, bool zeroed = false) {
        if (!count) return;
        const size_t bytes = aligned(count * sizeof(T));
        values = static_cast<T*>(aligned_alloc(ALIGNMENT, bytes));
        if (!values) throw std::bad_alloc();
        if (zeroed) memset(values, 0, bytes);
    }
    Buffer(Buffer&& other) noexcept : values(other.values) { other.values = nullptr; }
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(values, other.values);
        return *this;
    }
    ~Buffer() { free(values); }

    T* data() const { return values; }

private:
    T* values = nullptr;
};

}  // namespace darts::dense
