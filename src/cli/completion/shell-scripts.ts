/**
 * What each shell is told. All the knowledge is in `fob __complete`, so the scripts never grow old: they hand it
 * the words up to the cursor on its standard input, where no process list shows them, each ended by a NUL, and get
 * a line `words`, `files` or `folders`, then a line `WORD<TAB>DESCRIPTION` for each candidate.
 *
 * They call the `fob` of the PATH and not the word that was typed: a completion must not run a program of a hostile
 * folder.
 */
const BASH = String.raw`# fob in bash. In ~/.bashrc:  eval "$(fob completion bash)"
_fob() {
  local rest=\${COMP_LINE:0:COMP_POINT} words=() word space breaks= cut= kind line i
  # Readline also splits at ":" and "=": what no space parts is one word.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    space=\${rest%%[![:space:]]*}
    rest=\${rest#"$space"}
    word=\${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || word=$rest
    rest=\${rest#"$word"}
    word=\${word//[\"\'\\]/}
    if ((i > 0)) && [[ -z $space ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
  done
  word=\${words[\${#words[@]}-1]}
  # And it puts a candidate in the place of what stands behind the last of them.
  [[ $COMP_WORDBREAKS != *:* ]] || breaks+=:
  [[ $COMP_WORDBREAKS != *=* ]] || breaks+==
  [[ -z $breaks ]] || cut=\${word%"\${word##*[$breaks]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $kind ]]; then
      kind=$line
    else
      line=\${line%%$'\t'*}
      COMPREPLY+=("\${line#"$cut"}")
    fi
  done < <(printf '%s\0' "\${words[@]:1}" | command fob __complete 2>/dev/null)
  case $kind in
    files | folders)
      word=\${word##--*=}
      [[ -z $breaks ]] || word=\${word##*[$breaks]}
      compopt -o filenames 2>/dev/null
      [[ $kind == files ]] && kind=-f || kind=-d
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$kind" -- "$word")
      ;;
  esac
}
complete -F _fob fob
`

const ZSH = String.raw`#compdef fob
# fob in zsh. In ~/.zshrc, behind compinit:  eval "$(fob completion zsh)"
_fob() {
  local -a typed lines candidates
  local word line
  typed=("\${(@Q)words[1,CURRENT-1]}" "\${(Q)PREFIX}")
  lines=("\${(@f)$(printf '%s\0' "\${(@)typed[2,-1]}" | command fob __complete 2>/dev/null)}")
  case $lines[1] in
    words)
      for line in "\${(@)lines[2,-1]}"; do
        word=\${\${line%%$'\t'*}//:/\\:}
        line=\${line#*$'\t'}
        candidates+=("$word\${line:+:$line}")
      done
      _describe -V fob candidates
      ;;
    files) compset -P '--*='; _files ;;
    folders) compset -P '--*='; _files -/ ;;
  esac
}
# Loaded by compinit from a folder of $fpath, it is being called; else it registers itself.
if [[ $funcstack[1] == _fob ]]; then _fob "$@"; else compdef _fob fob; fi
`

const FISH = String.raw`# fob in fish:  fob completion fish > ~/.config/fish/completions/fob.fish
function __fob_complete
    set -l typed (commandline -opc)
    set -l word (commandline -ct)
    set -l lines (printf '%s\0' $typed[2..] "$word" | command fob __complete 2>/dev/null)
    switch "$lines[1]"
        case words
            printf '%s\n' $lines[2..]
        case files folders
            set -l flag (string match -r -- '^--[^=]+=' "$word")
            set -l path (string replace -r -- '^--[^=]+=' '' "$word")
            if test "$lines[1]" = files
                __fish_complete_path "$path" | string replace -r '^' -- "$flag"
            else
                __fish_complete_directories "$path" | string replace -r '^' -- "$flag"
            end
    end
end
complete -c fob -e
complete -c fob -f -k -a '(__fob_complete)'
`

// In a template a "$" before a brace has to be escaped, which no script wants to see.
const plain = (script: string) => script.replaceAll('\\${', '${')

export const SCRIPTS = { bash: plain(BASH), zsh: plain(ZSH), fish: plain(FISH) } as const
export type Shell = keyof typeof SCRIPTS
export const SHELLS = Object.keys(SCRIPTS) as readonly Shell[]
