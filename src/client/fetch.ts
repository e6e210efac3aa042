/** As much of `fetch` as is used here. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>

export interface FetchInit {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly redirect: 'error'
  readonly signal: AbortSignal
}
