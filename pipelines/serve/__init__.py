"""An exported model over HTTP, in the REST grammar of TensorFlow Serving.

It knows only the export (`saved_model.pb`, `variables/`, `metadata.json`): not keras, nor the architectures, nor the
data. Start it with `python -m pipelines.serve EXPORT`; the page at `/docs` says what the model takes and gives.
"""
