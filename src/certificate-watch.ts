/** New certificates while a node runs: when it is told to look (SIGHUP), and when the files have changed. */
import type { Clock } from '../raft/index.ts'
import { CertificateError, type Certificates } from './certificates.ts'
import type { Logger } from './logger.ts'

const LOOK_MS = 10_000

export interface Watched {
  /** Of what, for the log. */
  readonly use: 'http' | 'raft'
  /** @throws {CertificateError} */
  readonly load: () => Certificates
  /** @throws if they cannot be used; then the old ones stay. */
  readonly apply: (certificates: Certificates) => void
}

export type CertificatesInUse = Pick<Watched, 'use'> & Pick<Certificates, 'expiresAt' | 'authoritiesExpireAt'>

/** What is refused leaves the old ones in use, and is said once until it changes again. */
export class CertificateWatch {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #watched: readonly Watched[]
  readonly #inUse = new Map<Watched, Certificates>()
  readonly #complaints = new Map<Watched, string>()
  #cancel: () => void = () => {}

  /** @param watched With what each of them uses now. */
  constructor(
    watched: readonly { readonly watched: Watched; readonly current: Certificates }[],
    { clock, logger }: { clock: Clock; logger: Logger },
  ) {
    this.#clock = clock
    this.#logger = logger
    this.#watched = watched.map((one) => one.watched)
    for (const one of watched) this.#inUse.set(one.watched, one.current)
  }

  /** What is used now, whatever lies in the files. */
  get inUse(): readonly CertificatesInUse[] {
    return [...this.#inUse].map(([{ use }, { expiresAt, authoritiesExpireAt }]) => {
      return { use, expiresAt, authoritiesExpireAt }
    })
  }

  start(): void {
    if (this.#watched.length === 0) return
    this.#cancel = this.#clock.setTimer(LOOK_MS, () => {
      this.look()
      this.start()
    })
  }

  stop(): void {
    this.#cancel()
  }

  /** Somebody asks for it: what is wrong is said again, and that nothing has changed is said as well. */
  reload(): void {
    this.#complaints.clear()
    if (this.#watched.length === 0) this.#logger.info({}, 'asked to load certificates, and there are none')
    for (const watched of this.#watched) {
      if (!this.#look(watched)) this.#logger.info({ use: watched.use }, 'certificates have not changed')
    }
  }

  look(): void {
    for (const watched of this.#watched) this.#look(watched)
  }

  /** False if nothing has changed. */
  #look(watched: Watched): boolean {
    const { use } = watched
    try {
      const certificates = watched.load()
      const current = this.#inUse.get(watched)
      if (current !== undefined && textOf(certificates) === textOf(current)) {
        this.#complaints.delete(watched)
        return false
      }
      watched.apply(certificates)
      this.#inUse.set(watched, certificates)
      this.#complaints.delete(watched)
      this.#logger.info(
        { use, expires: new Date(certificates.expiresAt).toISOString() },
        'new certificates are in use',
      )
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const wayOut = error instanceof CertificateError ? '' : ': they do not belong together'
      this.#complain(watched, `${error.message}${wayOut}`)
    }
    return true
  }

  #complain(watched: Watched, error: string): void {
    if (this.#complaints.get(watched) === error) return
    this.#complaints.set(watched, error)
    this.#logger.error({ use: watched.use, error }, 'new certificates are not used, the old ones stay')
  }
}

function textOf({ cert, key, ca }: Certificates): string {
  return [cert, key, ca].join('\n')
}
