# What a job is asked for wrongly is refused before anything is written.
fit="fit --model m --corpus c -o f"
job() {
    attrib job "$@"
    echo "exit $?"
}
job --nodes 2 -o j -- $fit
job --slurm --kubernetes --nodes 2 -o j -- $fit
job --kubernetes --nodes 2 -o j -- $fit
job --slurm --image i --nodes 2 -o j -- $fit
job --kubernetes --image i --claim c --time 1:00:00 --nodes 2 -o j -- $fit
job --slurm --nodes 2 -o j --time 1:60:00 -- $fit
job --slurm --nodes 2 -o j --name A_b -- $fit
job --slurm --nodes 2 -o j
job --slurm --nodes 2 -o j -- merge a b -o c
job --slurm --nodes 2 -o j -- fit --model m -o f
job --slurm --nodes 2 -o j -- fit --help
job --slurm --nodes 2 -o j -- $fit --shard 1/2
job --slurm --nodes 2 -o j --cores 2 -- $fit --threads 3
job --slurm --nodes 2 -o j --memory 1G -- $fit --ram-limit 2G
job --slurm --nodes 2 -o j -- $fit --text-field $'a\nb'
ls
mkdir j
job --slurm --nodes 2 -o j -- $fit
