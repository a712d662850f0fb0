#include "dense_cell.h"

#include "dense_backward.h"
#include "dense_forward.h"

using namespace darts::dense;

void dense_cell_saved(const DenseCell* cell, int is_double, int64_t* bytes) {
    *bytes = is_double ? DenseSaved<double>(*cell).bytes : DenseSaved<float>(*cell).bytes;
}

void dense_cell_forward(const DenseCell* cell, int is_double) {
    if (is_double) DenseForward<double>(*cell).run();
    else DenseForward<float>(*cell).run();
}

void dense_cell_backward(const DenseCell* cell, int is_double) {
    if (is_double) DenseBackward<double>(*cell).run();
    else DenseBackward<float>(*cell).run();
}
