#include "dense_backward.h"
#include "dense_forward.h"
#include "dense_passes.h"

namespace darts::dense {

template <> size_t saved_bytes<double>(const DenseCell& cell) { return DenseSaved<double>(cell).bytes; }
template <> void forward<double>(const DenseCell& cell) { DenseForward<double>(cell).run(); }
template <> void backward<double>(const DenseCell& cell) { DenseBackward<double>(cell).run(); }

}  // namespace darts::dense
