#!/bin/bash
# One training over several nodes: sbatch --nodes 2 deploy/slurm.sh train wide_deep --fit.epochs 60
#
# Every task of `srun` is a worker; they find each other by what Slurm tells them, without TF_CONFIG. The checkout, its
# virtual environment and the folder of runs lie where every node sees them. Give GPUs with --gpus-per-task.
#SBATCH --job-name=inductive
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.log
set -u
cd "${SLURM_SUBMIT_DIR:?submit this from the checkout}" || exit 2
export INDUCTIVE_RUNS="${INDUCTIVE_RUNS:-$PWD/runs}"
python="${PYTHON:-.venv/bin/python}"

# Slurm signals two minutes before the time is over: every worker saves, ends with 75, and the job goes back in line.
# --kill-on-bad-exit ends all workers when one is lost; --resume auto goes on from the newest checkpoint.
for attempt in 1 2 3; do
    srun --kill-on-bad-exit=1 --label "$python" -m pipelines.genomics "$@" --resume auto
    code=$?
    case $code in
        0 | 2) exit $code ;;
        75) scontrol requeue "$SLURM_JOB_ID"; exit 75 ;;
    esac
    echo "attempt $attempt ended with $code" >&2
done
exit $code
