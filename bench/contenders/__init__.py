"""Three ways to write the same rows for one turn. Each is a class whose instances write ``n`` turns and time each."""
