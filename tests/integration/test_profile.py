"""The account of a traced epoch."""

import re

import keras
import numpy as np
import tensorflow as tf

from pipelines.profiling import Profile


def test_a_traced_epoch_leaves_a_trace_and_a_page_with_its_parts(tmp_path):
    profile = Profile(tmp_path)
    profile.set_params({"epochs": 1, "steps": 3, "rows": 21})
    weights = tf.Variable(np.ones((7, 5), "float32"))

    @tf.function
    def _steps(x):
        return tf.reduce_sum(tf.matmul(x, weights))

    _steps(tf.ones((3, 7)))
    profile.on_epoch_begin(0)
    for step in range(3):
        _steps(tf.ones((3, 7)))
        profile.on_train_batch_end(step)
    page = profile.page.read_text()
    assert "21 rows, 3 steps" in page
    assert re.search(r"\| compiled steps \| 0\.\d+ \|", page)
    assert "MatMul" in page
    assert list(tmp_path.rglob("*.xplane.pb"))
    assert isinstance(profile, keras.callbacks.Callback)
