//! What exit codes mean.

/// What a container's exit code says, in words that follow "exit code 137: ". Empty when it is the program's own.
pub(crate) fn meaning(code: i64) -> &'static str {
    match code {
        0 => "it ended by itself, without an error",
        1 => "the program ended with an error of its own",
        2 => "often wrong use of a command or a missing file; Python and shells use it for wrong arguments",
        125 => "the container could not be started",
        126 => "the command was found but cannot be executed: no permission, or not a program",
        127 => "the command was not found in the image or in PATH",
        128 => "the program gave an invalid exit code, or the container could not be started",
        129 => "SIGHUP: the terminal or parent process went away",
        130 => "SIGINT: it was interrupted",
        131 => "SIGQUIT: it was told to quit and dump",
        132 => "SIGILL: an instruction that this processor does not have; the image may be built for another one",
        133 => "SIGTRAP: a trap, often an assertion in native code",
        134 => "SIGABRT: the program aborted itself, often after a failed assertion in native code",
        135 => "SIGBUS: bad memory access; training data loaders do this when /dev/shm is too small",
        136 => "SIGFPE: an arithmetic error such as division by zero",
        137 => "SIGKILL: it was killed from outside",
        139 => "SIGSEGV: a memory access error in native code",
        141 => "SIGPIPE: it wrote to a pipe that nobody reads",
        143 => "SIGTERM: it was asked to stop",
        152 => "SIGXCPU: its limit of processor time",
        159 => "SIGSYS: a system call that the security profile forbids",
        255 => "the program ended with an error, or the container was lost with its node",
        _ => "",
    }
}

/// Whether the meaning is only a habit of programs: what the program said itself is worth more.
pub(crate) fn is_habit(code: i64) -> bool {
    code == 2
}

/// What to do about an exit code, most useful first.
pub(crate) fn advice(code: i64) -> &'static [&'static str] {
    match code {
        126 => &["Check that the command is executable and built for this node's processor"],
        127 => &["Check `command` and `args`, and that the program is in the image"],
        132 => &["Check that the image is built for this node's processor"],
        135 => &["Give the container a larger /dev/shm: an `emptyDir` with `medium: Memory` mounted there"],
        137 => &[
            "See whether a liveness probe or a person killed it, and whether its node was short of memory",
            "If a child process ran out of memory the container may not be marked OOMKilled: look at its memory use",
        ],
        143 => &["See what stopped it: a deletion, a drain, a failing liveness probe, a deadline"],
        _ => &[],
    }
}

#[test]
fn signals_are_named() {
    for (code, name) in [(134, "SIGABRT"), (137, "SIGKILL"), (139, "SIGSEGV"), (143, "SIGTERM")] {
        assert!(meaning(code).starts_with(name), "{code}");
    }
    assert_eq!(meaning(42), "");
}
