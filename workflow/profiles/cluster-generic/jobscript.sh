#!/bin/sh
# properties = {properties}
# The job writes its exit code to .snakemake/cluster_jobs/ID.exit, for status.sh.
id=${{PBS_JOBID:-${{SLURM_JOB_ID:-${{LSB_JOBID:-${{OAR_JOB_ID:-${{COBALT_JOBID:-$JOB_ID}}}}}}}}}}
tell() {{
    mkdir -p .snakemake/cluster_jobs
    echo "$1" >".snakemake/cluster_jobs/.$id.partial"
    mv ".snakemake/cluster_jobs/.$id.partial" ".snakemake/cluster_jobs/$id.exit"
}}
trap 'tell $?' EXIT
# The trainings hear the signal as well, and save their states. This shell waits until they have.
trap : TERM INT XCPU USR1 USR2
# It begins with `cd` to the project's folder, and ends with `exit`.
{exec_job}
