//! Completion for bash, which breaks words at `:` and `=`: a question has many of them, so they are joined again.

use std::ffi::OsString;
use std::io::{Error, Write};
use std::path::Path;

use clap::Command;
use clap_complete::env::EnvCompleter;

/// Asks as `clap_complete` does, with whole words.
pub(super) struct Bash;

/// Gives the words joined as they stand in the line, and cuts from each answer what bash takes for words before. What a
/// shell would take apart is escaped, unless the word is in quotes.
const SCRIPT: &str = r#"_pilothouse() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() last=-1 i word gap
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then word=${rest#"${rest%%[![:space:]]*}"}; fi
        gap=${rest%%"${word:- }"*}
        if ((i == 0)) || [[ $gap == *[[:space:]]* || ( -z $word && $rest == *[[:space:]] ) ]]; then
            last=$((last + 1))
            words[last]=$word
        else
            words[last]+=$word
        fi
        rest=${rest#"$gap"}
        rest=${rest#"$word"}
    done
    local current=${words[last]} quote=
    case $current in [\'\"]*) quote=${current:0:1} current=${current:1} ;; esac
    words[last]=$current
    local cut=${current%"$2"} reply replies=()
    while IFS= read -r reply || [[ -n $reply ]]; do
        [[ -z $reply ]] && continue
        reply=${reply#"$cut"}
        if [[ -z $quote && $reply == *[^[:alnum:]_./,:=@%+-]* ]]; then printf -v reply %q "$reply"; fi
        replies+=("$reply")
    done < <(VARIABLE=bash _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$last "COMPLETER" -- "${words[@]}" 2>/dev/null)
    COMPREPLY=("${replies[@]}")
    if [[ ${#replies[@]} -eq 1 && ${replies[0]} == *[=:/,\<\>] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o bashdefault -o nosort -F _pilothouse BIN 2>/dev/null || complete -o bashdefault -F _pilothouse BIN
"#;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        bin: &str,
        completer: &str,
        output: &mut dyn Write,
    ) -> Result<(), Error> {
        let quoted = completer.replace(['"', '$', '`', '\\'], "");
        let script = SCRIPT.replace("VARIABLE", variable).replace("BIN", bin).replace("COMPLETER", &quoted);
        output.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        here: Option<&Path>,
        output: &mut dyn Write,
    ) -> Result<(), Error> {
        clap_complete::env::Bash.write_complete(command, words, here, output)
    }
}
