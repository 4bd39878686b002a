jitness --help
jitness help report
jitness run --help
