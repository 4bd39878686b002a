# What follows the command is its own, whatever it looks like.
jitness run -o a echo --help -o b -- c 2>/dev/null
jitness run -o b -- echo -- x 2>/dev/null
jitness run --output=c echo "a  b" "" '*' 2>/dev/null
