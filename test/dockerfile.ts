/** What a Dockerfile says: its instructions, and what they make of each stage. */

export interface Instruction {
  readonly word: string
  /** In one line. */
  readonly rest: string
}

export type Step =
  /** By `/bin/sh`. */
  | { readonly type: 'run'; readonly script: string; readonly workdir: string }
  | {
      readonly type: 'copy'
      /** The stage that has the files; null: the context. */
      readonly from: string | null
      readonly sources: readonly string[]
      /** Absolute. */
      readonly target: string
    }

export interface Stage {
  readonly base: string
  readonly name: string | null
  readonly steps: readonly Step[]
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  /** `UID:GID`; null: root. */
  readonly user: string | null
  readonly volumes: readonly string[]
  /** Entry point and command, of which one may be empty. */
  readonly argv: readonly string[]
  /** Empty: none. */
  readonly healthcheck: readonly string[]
  readonly stopSignal: string
}

export function readInstructions(text: string): Instruction[] {
  return text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ word: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }))
}

/** @throws if it says something that is not understood here: nothing of it is left out silently. */
export function readStages(text: string): Stage[] {
  const stages: StageReader[] = []
  for (const { word, rest } of readInstructions(text)) {
    if (word === 'FROM') stages.push(new StageReader(rest))
    else {
      const stage = stages.at(-1)
      if (stage === undefined) throw new Error(`${word} is before FROM`)
      stage.read(word, rest)
    }
  }
  return stages.map((stage) => stage.stage())
}

class StageReader {
  readonly #base: string
  readonly #name: string | null
  readonly #steps: Step[] = []
  readonly #volumes: string[] = []
  readonly #env: Record<string, string> = {}
  #workdir = '/'
  #user: string | null = null
  #entryPoint: readonly string[] = []
  #command: readonly string[] = []
  #healthcheck: readonly string[] = []
  #stopSignal = 'SIGTERM'

  constructor(from: string) {
    const [, base = '', name = null] = /^(\S+)(?: AS (\S+))?$/.exec(from) ?? []
    if (base === '') throw new Error(`FROM ${from}: not understood`)
    this.#base = base
    this.#name = name
  }

  read(word: string, rest: string): void {
    if (word === 'RUN') this.#steps.push({ type: 'run', script: rest, workdir: this.#workdir })
    else if (word === 'COPY') this.#steps.push(this.#copy(rest))
    else if (word === 'WORKDIR') this.#workdir = this.#absolute(rest)
    else if (word === 'ENV') Object.assign(this.#env, variableOf(rest))
    else if (word === 'USER') this.#user = rest
    else if (word === 'VOLUME') this.#volumes.push(rest)
    else if (word === 'ENTRYPOINT') this.#entryPoint = JSON.parse(rest)
    else if (word === 'CMD') this.#command = JSON.parse(rest)
    else if (word === 'HEALTHCHECK') this.#healthcheck = JSON.parse(rest.replace(/^(--\S+ )*\s*CMD /, ''))
    else if (word === 'STOPSIGNAL') this.#stopSignal = rest
    else if (word !== 'EXPOSE') throw new Error(`${word} ${rest}: not understood`)
  }

  stage(): Stage {
    return {
      base: this.#base,
      name: this.#name,
      steps: this.#steps,
      workdir: this.#workdir,
      env: this.#env,
      user: this.#user,
      volumes: this.#volumes,
      argv: [...this.#entryPoint, ...this.#command],
      healthcheck: this.#healthcheck,
      stopSignal: this.#stopSignal,
    }
  }

  #copy(rest: string): Step {
    const words = rest.split(/\s+/)
    const [, from = null] = /^--from=(.+)$/.exec(words[0] ?? '') ?? []
    const paths = from === null ? words : words.slice(1)
    const target = paths.at(-1) ?? ''
    if (paths.length < 2 || paths.some((path) => path.startsWith('--'))) {
      throw new Error(`COPY ${rest}: not understood`)
    }
    return { type: 'copy', from, sources: paths.slice(0, -1), target: this.#absolute(target) }
  }

  #absolute(path: string): string {
    if (path.startsWith('/')) return path
    return `${this.#workdir === '/' ? '' : this.#workdir}/${path}`
  }
}

function variableOf(rest: string): Record<string, string> {
  const [, name = '', value = ''] = /^(\w+)=(\S*)$/.exec(rest) ?? []
  if (name === '') throw new Error(`ENV ${rest}: not understood`)
  return { [name]: value }
}

/** Whether the context has a path, by an ignore file that first leaves out everything. @throws if it does not. */
export function admits(ignoreFile: string, path: string): boolean {
  const [first, ...others] = ignoreFile.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (first !== '*' || others.some((line) => !/^![\w./-]+$/.test(line))) {
    throw new Error('the ignore file is not understood: * first, and then !PATH on each line')
  }
  return others.some((line) => path === line.slice(1) || path.startsWith(`${line.slice(1)}/`))
}
