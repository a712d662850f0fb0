#include "dense_passes.h"

using namespace darts::dense;

void dense_cell_saved(const DenseCell* cell, int is_double, int64_t* bytes) {
    *bytes = is_double ? saved_bytes<double>(*cell) : saved_bytes<float>(*cell);
}

void dense_cell_forward(const DenseCell* cell, int is_double) {
    is_double ? forward<double>(*cell) : forward<float>(*cell);
}

void dense_cell_backward(const DenseCell* cell, int is_double) {
    is_double ? backward<double>(*cell) : backward<float>(*cell);
}
