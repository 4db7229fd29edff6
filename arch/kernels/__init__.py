"""The one place that reaches into a backend, each time beside a portable twin in keras.ops.

Which of the two runs is chosen by itself; `with portable():` forces the twin, for the tests that they are equal and
for a user who suspects a kernel. TensorFlow is imported when a kernel runs, never when these files are imported.
"""

from arch.kernels.choice import fast, portable, replicas
from arch.kernels.gradients import compiled, pullback, weight_gradients
from arch.kernels.normalization import BatchNormalization, fused_batch_norm
from arch.kernels.residuals import residuals
from arch.kernels.segments import gather, segment_max, segment_sum
from arch.kernels.sparse import heads_product, sparse_product

__all__ = [
    "BatchNormalization",
    "compiled",
    "fast",
    "fused_batch_norm",
    "gather",
    "heads_product",
    "portable",
    "pullback",
    "replicas",
    "residuals",
    "segment_max",
    "segment_sum",
    "sparse_product",
    "weight_gradients",
]
