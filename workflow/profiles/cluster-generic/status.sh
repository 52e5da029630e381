#!/bin/sh
# Says what has become of a job: running, success or failed. Snakemake calls it in its own folder.
set -u

# Whether the scheduler has the job, waiting or running: here is what differs between schedulers.
has() {
    qstat "$1" >/dev/null 2>&1
}
# A job that is killed tells nothing. But its exit code may be late on a shared filesystem, and the
# scheduler may not answer for a while: the job has failed after so many seconds without both.
patience_s=60

told=.snakemake/cluster_jobs/$1.exit
missed=.snakemake/cluster_jobs/$1.missed
if [ -e "$told" ]; then
    [ "$(cat "$told")" = 0 ] && echo success || echo failed
elif has "$1"; then
    rm -f "$missed"
    echo running
else
    mkdir -p .snakemake/cluster_jobs
    [ -e "$missed" ] || date +%s >"$missed"
    [ $(($(date +%s) - $(cat "$missed"))) -ge "$patience_s" ] && echo failed || echo running
fi
