// The passes of a cell of dense convolutions. Each type of numbers has a source file of its own, so that two compilers
// can work at a time.
#pragma once
#include <cstddef>

#include "dense_cell.h"

namespace darts::dense {

template <class T> size_t saved_bytes(const DenseCell& cell);
template <class T> void forward(const DenseCell& cell);
template <class T> void backward(const DenseCell& cell);

}  // namespace darts::dense
