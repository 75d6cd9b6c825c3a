"""What the forkserver loads before the first job, so that children start warm. Imported there and nowhere else."""

import os
import sys

# One thread in each child: several children run side by side, and a pool of threads does not survive a fork.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
# A look for devices must not load CUDA here, where children are forked; and no child may write a cache of kernels.
os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
os.environ["CUDA_CACHE_DISABLE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import peft  # noqa: E402, F401
import sklearn.linear_model  # noqa: E402
import sklearn.metrics  # noqa: E402, F401
import torch  # noqa: E402
import transformers  # noqa: E402, F401

import kernels.formats.inspection  # noqa: E402
import kernels.meta_shapes  # noqa: E402
import kernels.methods  # noqa: E402
import kernels.similarity.fingerprint  # noqa: E402
import workers.computing  # noqa: E402
import workers.evaluation.classification  # noqa: E402
import workers.evaluation.run  # noqa: E402, F401

torch.set_num_threads(1)
kernels.methods.methods()

# A child finds that the script of the worker has been run already, and goes on without it.
if _script := os.environ.pop("HUB_CHILD_MAIN_SCRIPT", ""):
    sys.modules["__main__"].__file__ = _script
