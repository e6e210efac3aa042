/** `ipam completion`: scripts for shells, made of the table of commands. */
import type { ExitCode } from '../shell.ts'
import { COMMANDS, firstWords, flagsOf, OWN_WORDS, subcommandsOf } from './commands.ts'
import type { Invocation } from './invocation.ts'
import type { CommandSpec, FlagSpec } from './specs.ts'

export async function printCompletion({ args, output }: Invocation): Promise<ExitCode> {
  await output.text(completionScript(args.operand(0) ?? ''))
  return 0
}

/** @param shell bash, zsh or fish. */
export function completionScript(shell: string): string {
  if (shell === 'fish') return fishScript()
  return shell === 'zsh' ? zshScript() : bashScript()
}

function bashScript(): string {
  return `# bash completion of ipam: source <(ipam completion bash)
_ipam() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path=\${COMP_WORDS[1]} choices=
  if ((COMP_CWORD == 1)); then
    choices="${[...firstWords(), ...OWN_WORDS].join(' ')}"
  else
    case "$path" in
      ${groupWords().join('|')})
        if ((COMP_CWORD > 2)); then path="$path \${COMP_WORDS[2]}"; fi ;;
    esac
    case "$path:$previous" in
${valueCases()}
      *)
        case "$path" in
${groupWords().map(groupCase).join('\n')}
${COMMANDS.map(commandCase).join('\n')}
        esac ;;
    esac
  fi
  if [[ $choices == FILE ]]; then COMPREPLY=($(compgen -f -- "$current"))
  else COMPREPLY=($(compgen -W "$choices" -- "$current")); fi
}
complete -o filenames -F _ipam ipam
`
}

/** After a flag that has a value: its choices, or a file, or nothing. */
function valueCases(): string {
  const cases = COMMANDS.flatMap((command: CommandSpec) =>
    flagsOf(command)
      .filter(({ value }) => value !== null)
      .map((flag) => `      "${command.name}:--${flag.name}") choices="${valuesOf(flag)}" ;;`),
  )
  return cases.join('\n')
}

function valuesOf({ value, choices }: FlagSpec): string {
  return value === 'FILE' ? 'FILE' : choices.join(' ')
}

function groupCase(word: string): string {
  const names = subcommandsOf(word).map(({ name }) => name.slice(word.length + 1))
  return `          "${word}") choices="${names.join(' ')}" ;;`
}

function commandCase(command: CommandSpec): string {
  const isFile = command.operands.some(({ name }) => name.startsWith('FILE'))
  const flags = flagsOf(command).map(({ name }) => `--${name}`)
  const words = [...command.operands.flatMap(({ choices }) => choices), ...flags].join(' ')
  if (!isFile) return `          "${command.name}") choices="${words}" ;;`
  return `          "${command.name}") if [[ $current == -* ]]; then choices="${words}"; else choices=FILE; fi ;;`
}

function groupWords(): readonly string[] {
  return firstWords().filter((word) => subcommandsOf(word).length > 0)
}

function zshScript(): string {
  const cases = COMMANDS.map((command: CommandSpec) => {
    const operands = command.operands.map((operand, i) => {
      const action = operand.name.startsWith('FILE') ? '_files' : `(${operand.choices.join(' ')})`
      return zshQuote(`${i + 1}:${operand.name.toLowerCase().replaceAll('|', ' or ')}:${action}`)
    })
    const specs = [...flagsOf(command).map(zshFlag), ...operands].join(' \\\n        ')
    return `    ${zshQuote(command.name)})\n      _arguments -s \\\n        ${specs} ;;`
  })
  return `#compdef ipam
# zsh completion of ipam: put it as _ipam into a directory of fpath
_ipam() {
  local command=$words[2] shifted=1
  if ((CURRENT == 2)); then
    local -a choices=(${[...firstWords(), ...OWN_WORDS].join(' ')})
    _describe command choices
    return
  fi
  case "$command" in
${groupWords().map(zshGroup).join('\n')}
  esac
  shift $shifted words
  ((CURRENT -= shifted))
  case "$command" in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _ipam ]]; then _ipam "$@"; else compdef _ipam ipam; fi
`
}

function zshGroup(word: string): string {
  const names = subcommandsOf(word).map(({ name, about }) => {
    return zshQuote(`${name.slice(word.length + 1)}:${about.replaceAll(':', '')}`)
  })
  return `    ${word})
      if ((CURRENT == 3)); then
        local -a choices=(${names.join(' ')})
        _describe command choices
        return
      fi
      command="$command $words[3]"; shifted=2 ;;`
}

function zshFlag({ name, value, isRepeatable, choices, about }: FlagSpec): string {
  const said = about.replaceAll(/[[\]]/g, '').replaceAll(':', '')
  const action = value === 'FILE' ? '_files' : choices.length > 0 ? `(${choices.join(' ')})` : ''
  const operand = value === null ? '' : `:${name}:${action}`
  return zshQuote(`${isRepeatable ? '*' : ''}--${name}[${said}]${operand}`)
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function fishScript(): string {
  const words = [...firstWords(), ...OWN_WORDS]
  const groups = groupWords().flatMap((word) => {
    const isAlone = `__fish_seen_subcommand_from ${word}; and not __ipam_has_second`
    return subcommandsOf(word).map(({ name, about }) => {
      return `complete -c ipam -f -n ${fishQuote(isAlone)} -a ${name.slice(word.length + 1)} -d ${fishQuote(about)}`
    })
  })
  const flags = COMMANDS.flatMap((command: CommandSpec) => {
    const condition = fishQuote(`__ipam_is ${command.name}`)
    const operands = command.operands.flatMap(({ choices }) => choices)
    const operandLines =
      operands.length === 0 ? [] : [`complete -c ipam -f -n ${condition} -a ${fishQuote(operands.join(' '))}`]
    return [...flagsOf(command).map((flag) => fishFlag(condition, flag)), ...operandLines]
  })
  return `# fish completion of ipam: save it as ~/.config/fish/completions/ipam.fish
function __ipam_is
  set -l words (commandline -opc)
  set -l last (math (count $argv) + 1)
  test "$words[2..$last]" = "$argv"
end
function __ipam_has_second
  test (count (commandline -opc)) -gt 2
end
complete -c ipam -f -n '__fish_use_subcommand' -a ${fishQuote(words.join(' '))}
${groups.join('\n')}
${flags.join('\n')}
`
}

function fishFlag(condition: string, { name, value, choices, about }: FlagSpec): string {
  const operand = value === null ? '' : value === 'FILE' ? ' -r -F' : ` -x -a ${fishQuote(choices.join(' '))}`
  return `complete -c ipam -n ${condition} -l ${name}${operand} -d ${fishQuote(about)}`
}

function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
