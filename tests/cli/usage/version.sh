jitness --version
