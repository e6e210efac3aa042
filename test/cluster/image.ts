/**
 * An image without Docker: the steps of a Dockerfile, as they are written, on this machine instead of their base image. What
 * they write is kept in a directory apart (an overlay), so that nothing here changes. Needs root.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { admits, readStages, type Stage, type Step } from '../dockerfile.ts'

const OUTPUT_BYTES_MAX = 16 << 20
/** Of base images, and where `node` is on this machine. */
const PATH = ['/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', dirname(process.execPath)].join(
  ':',
)
/** By which npm finds its registry and what it has fetched before. */
const OF_NPM = /^(?:npm_config_(?:registry|cache|userconfig)|https?_proxy|no_proxy)$/i

const run = promisify(execFile)

/** Whether the system lets us lay one directory over another. */
export function canBuildImages(directory: string): boolean {
  if (process.getuid?.() !== 0) return false
  try {
    const [upper, work, root] = ['upper', 'work', 'root'].map((name) => join(directory, 'probe', name))
    const mount = `mkdir -p ${upper} ${work} ${root} && mount -t overlay overlay -o lowerdir=/,upperdir=${upper},workdir=${work} ${root}`
    execFileSync('unshare', ['--mount', 'sh', '-c', mount], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** @throws with what was printed, if a step fails. */
export async function buildImage({
  dockerfile,
  ignoreFile,
  context,
  directory,
}: {
  /** Paths. */
  dockerfile: string
  ignoreFile: string
  context: string
  /** Where everything is kept. */
  directory: string
}): Promise<Image> {
  const ignored = await readFile(ignoreFile, 'utf8')
  const layers = new Map<string, Layer>()
  let last: { stage: Stage; layer: Layer } | null = null
  for (const [i, stage] of readStages(await readFile(dockerfile, 'utf8')).entries()) {
    const layer = await Layer.create(join(directory, `stage-${i}`))
    for (const step of stage.steps) {
      if (step.type === 'run') await layer.run(step, stage.env)
      else await layer.copy(step, sourceOf(step, { layers, context, ignored }))
    }
    if (stage.name !== null) layers.set(stage.name, layer)
    last = { stage, layer }
  }
  if (last === null) throw new Error(`${dockerfile} has no stage`)
  return new Image(last.stage, last.layer)
}

type Copy = Step & { readonly type: 'copy' }

/** @returns where the source of a COPY is. @throws if it is not there. */
function sourceOf(
  { from }: Copy,
  { layers, context, ignored }: { layers: ReadonlyMap<string, Layer>; context: string; ignored: string },
): (source: string) => string {
  if (from === null) {
    return (source) => {
      if (!admits(ignored, source)) throw new Error(`COPY ${source}: the ignore file keeps it out`)
      return join(context, source)
    }
  }
  const layer = layers.get(from)
  if (layer === undefined) throw new Error(`COPY --from=${from}: there is no such stage before`)
  return (source) => join(layer.upper, source)
}

/** What a stage has written. */
class Layer {
  readonly upper: string
  readonly #work: string
  readonly #root: string

  static async create(directory: string): Promise<Layer> {
    const layer = new Layer(directory)
    for (const path of [layer.upper, layer.#work, layer.#root]) await mkdir(path, { recursive: true })
    return layer
  }

  private constructor(directory: string) {
    this.upper = join(directory, 'upper')
    this.#work = join(directory, 'work')
    this.#root = join(directory, 'root')
  }

  async copy({ sources, target }: Copy, pathOf: (source: string) => string): Promise<void> {
    for (const source of sources) {
      // A directory is copied by what is in it, a file into a directory by its name.
      const isInto = target.endsWith('/') || target.endsWith('/.') || sources.length > 1
      const to = join(this.upper, target, isInto ? basename(source) : '')
      await cp(pathOf(source), to, { recursive: true, verbatimSymlinks: true })
    }
  }

  async run(
    { script, workdir }: Step & { type: 'run' },
    env: Readonly<Record<string, string>>,
  ): Promise<void> {
    await mkdir(join(this.upper, workdir), { recursive: true })
    const [file, args] = this.command(['/bin/sh', '-c', script], { workdir })
    const options = { env: { ...buildEnvironment(), ...env }, maxBuffer: OUTPUT_BYTES_MAX }
    await run(file, args, options).catch(({ code, stdout, stderr }) => {
      throw new Error(`RUN ${script}: ended with ${code}\n${stdout}\n${stderr}`)
    })
  }

  /** In a name space of its own: as root, who may write; or as that user, who may write to the volumes alone. */
  command(
    argv: readonly string[],
    {
      workdir,
      user = null,
      volumes = [],
    }: { workdir: string; user?: string | null; volumes?: readonly string[] },
  ): [file: string, args: string[]] {
    const access = user === null ? 'rw' : 'ro'
    const mounts = [
      `mount -t overlay overlay -o ${access},lowerdir=/,upperdir=${this.upper},workdir=${this.#work} ${this.#root}`,
      `mount --rbind /dev ${this.#root}/dev`,
      `mount --rbind /proc ${this.#root}/proc`,
      ...volumes.map((path) => `mount --bind ${this.upper}${path} ${this.#root}${path}`),
    ]
    const script = `${mounts.join(' && ')} && exec "$@"`
    return ['unshare', ['--mount', 'sh', '-c', script, 'sh', ...this.within(argv, { workdir, user })]]
  }

  /** Where it is mounted. */
  within(argv: readonly string[], { workdir, user }: { workdir: string; user: string | null }): string[] {
    const as = user === null ? [] : [`--userspec=${user}`]
    return ['chroot', ...as, this.#root, 'env', '-C', workdir, ...argv]
  }
}

function buildEnvironment(): NodeJS.ProcessEnv {
  const ofNpm = Object.entries(process.env).filter(([name]) => OF_NPM.test(name))
  // What is in the cache of npm is not asked for again.
  return { ...Object.fromEntries(ofNpm), npm_config_prefer_offline: 'true', HOME: homedir(), PATH }
}

const started = new Set<ChildProcess>()
// The last resort, for a run that is aborted.
process.on('exit', () => {
  for (const program of started) program.kill('SIGKILL')
})

export class Image {
  readonly #stage: Stage
  readonly #layer: Layer

  constructor(stage: Stage, layer: Layer) {
    this.#stage = stage
    this.#layer = layer
  }

  /** Where a path of the image is, if the build has written it. */
  pathOf(path: string): string {
    return join(this.#layer.upper, path)
  }

  /** A container: entry point and command, as the user of the image, who may write to its volumes alone. */
  start(env: Readonly<Record<string, string>>): Container {
    return new Container(this.#stage, this.#layer, { PATH, ...this.#stage.env, ...env })
  }
}

export class Container {
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #program: ChildProcess
  readonly #stage: Stage
  readonly #layer: Layer
  readonly #env: NodeJS.ProcessEnv
  #stderr = ''

  constructor(stage: Stage, layer: Layer, env: NodeJS.ProcessEnv) {
    const { argv, workdir, volumes } = stage
    const [file, args] = layer.command(argv, { workdir, user: stage.user ?? '0:0', volumes })
    const program = spawn(file, args, { env, stdio: 'pipe' })
    this.#stage = stage
    this.#layer = layer
    this.#env = env
    this.#program = program
    started.add(program)
    program.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-OUTPUT_BYTES_MAX)
    })
    program.stdout?.resume()
    this.exited = once(program, 'exit').then(([code, signal]) => {
      started.delete(program)
      return { code, signal }
    })
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Of the program itself: what started it has become it. */
  get pid(): number {
    return this.#program.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#program.exitCode === null && this.#program.signalCode === null
  }

  /** Beside the program, as `docker exec` does. @returns what it printed. @throws if it fails. */
  async run(argv: readonly string[]): Promise<string> {
    const words = this.#layer.within(argv, { workdir: this.#stage.workdir, user: this.#stage.user ?? '0:0' })
    return (await run('nsenter', [`--mount=/proc/${this.pid}/ns/mnt`, ...words], { env: this.#env })).stdout
  }

  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.#program.kill(this.#stage.stopSignal as NodeJS.Signals)
    return this.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return
    this.#program.kill('SIGKILL')
    await this.exited
  }
}
