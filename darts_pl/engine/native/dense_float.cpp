#include "dense_backward.h"
#include "dense_forward.h"
#include "dense_passes.h"

namespace darts::dense {

template <> size_t saved_bytes<float>(const DenseCell& cell) { return DenseSaved<float>(cell).bytes; }
template <> void forward<float>(const DenseCell& cell) { DenseForward<float>(cell).run(); }
template <> void backward<float>(const DenseCell& cell) { DenseBackward<float>(cell).run(); }

}  // namespace darts::dense
