// Fails unless both steps of FftCovariance in this program agree.
double plain_step();
double debug_step();

int main() { return plain_step() == debug_step() ? 0 : 1; }
