// Ctrl-C ends the training after the current step instead of ending the program.
#pragma once

namespace trainer {

/// Catches SIGINT and SIGTERM from now on. The second one ends the program at once, as usual.
void catch_interrupts();

/// True once a signal has come.
bool interrupted();

}  // namespace trainer
