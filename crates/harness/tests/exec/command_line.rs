//! Through `pilothouse exec`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use pilothouse_harness::kubelet::V5;
use pilothouse_harness::places;

use crate::world::World;

struct Said {
    code: Option<i32>,
    out: String,
    errors: String,
}

/// Runs a program with this input, to its end.
fn run(program: &Path, arguments: &[&str], kubeconfig: &Path, input: &str) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).env("KUBECONFIG", kubeconfig).env("HOME", kubeconfig.parent().unwrap());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut typed = child.stdin.take().unwrap();
    // Nobody may read it.
    drop(typed.write_all(input.as_bytes()));
    drop(typed);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_has_kubectls_habits() {
    let world = World::start(V5).await;
    let (program, hers) = (places::built("pilothouse"), world.plane.kubeconfig("ada"));
    let exec = |words: &[&str], input: &str| {
        let arguments = [&["exec", "-n", "a"], words].concat();
        run(&program, &arguments, &hers, input)
    };
    let said = exec(&["web", "--", "sh", "-c", "echo out; echo oops >&2; exit 42"], "");
    assert_eq!((said.code, said.out.as_str()), (Some(42), "out\n"));
    let words = "Defaulted container \"main\" out of: main, side\noops\ncommand terminated with exit code 42\n";
    assert_eq!(said.errors, words);
    let said = exec(&["-q", "pod/web", "-c", "side", "--", "true"], "");
    assert_eq!((said.code, said.out.as_str(), said.errors.as_str()), (Some(0), "", ""));
    let said = exec(&["-i", "web", "-c", "main", "--", "cat"], "one\ntwo\n");
    assert_eq!((said.code, said.out.as_str(), said.errors.as_str()), (Some(0), "one\ntwo\n", ""));
    let said = exec(&["web", "-c", "main", "--", "cat"], "not passed on");
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "without -i there is no input");
    let said = exec(&["-it", "web", "-c", "main", "--", "cat"], "x");
    assert_eq!((said.code, said.out.as_str()), (Some(0), "x"));
    assert_eq!(said.errors, "Unable to use a TTY - input is not a terminal or the right kind of file\n");

    let said = exec(&["none", "--", "true"], "");
    assert_eq!(said.code, Some(1));
    assert!(said.errors.contains("pods \"none\" not found"), "{}", said.errors);
    let said = exec(&["web", "-c", "main", "--", "no-such-program"], "");
    assert!(said.code == Some(1) && said.errors.contains("executable file not found"), "{}", said.errors);
    let said = exec(&["web"], "");
    assert!(said.code == Some(1) && said.errors.contains("COMMAND"), "{}", said.errors);
    let his = world.plane.kubeconfig("ben");
    let said = run(&program, &["exec", "-n", "a", "web", "--", "true"], &his, "");
    assert!(said.code == Some(1) && said.errors.starts_with("Error from server (Forbidden)"), "{}", said.errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_is_passed_on_with_its_size_and_given_back() {
    let world = World::start(V5).await;
    let (program, hers) = (places::built("pilothouse"), world.plane.kubeconfig("ada"));
    let line = format!(
        "stty rows 33 cols 101; before=$(stty -g); {} exec -it -q -n a web -- sh; code=$?; [ \"$before\" = \"$(stty -g)\" ] && echo given back; exit $code",
        program.display()
    );
    let said = run(Path::new("script"), &["-qfec", &line, "/dev/null"], &hers, "echo $((40+2))\nexit 7\n");
    assert_eq!(said.code, Some(7), "{}{}", said.out, said.errors);
    assert!(said.out.contains("42") && said.out.contains("given back"), "{}", said.out);
    assert_eq!(world.kubelet.sizes(), [r#"{"Height":33,"Width":101}"#]);
}
