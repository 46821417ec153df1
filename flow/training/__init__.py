"""Quantisation-aware training of the networks in flow.models; needs the optional extra `train`."""

import flow.models  # noqa: F401  (without the extra this raises the error that says so)
