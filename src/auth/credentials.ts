/** What a request says of who it is from. */

export type Credentials =
  | { readonly type: 'none' }
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'password'; readonly name: string; readonly password: string }
  /** It says something, but nothing that can be right. */
  | { readonly type: 'senseless'; readonly message: string }

const NONE: Credentials = { type: 'none' }
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * @param authorization `Bearer` (RFC 6750) or `Basic` (RFC 7617); null without one.
 * @param apiKey `X-API-Key`; null without one.
 */
export function readCredentials(authorization: string | null, apiKey: string | null): Credentials {
  if (authorization === null) return apiKey === null ? NONE : { type: 'token', token: apiKey.trim() }
  if (apiKey !== null) return senseless('there are both Authorization and X-API-Key: send one of them')
  const [, scheme = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*?)\s*$/.exec(authorization) ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { type: 'token', token: rest }
    case 'basic':
      return readBasic(rest)
    default:
      return senseless('Authorization must be "Bearer <token>" or "Basic <name and password in Base64>"')
  }
}

function readBasic(base64: string): Credentials {
  const text = decode(base64)
  const colon = text?.indexOf(':') ?? -1
  if (text === null || colon < 0)
    return senseless('Basic must be followed by name:password in Base64 (RFC 7617)')
  return { type: 'password', name: text.slice(0, colon), password: text.slice(colon + 1) }
}

function decode(base64: string): string | null {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(base64)) return null
  try {
    return UTF8.decode(Buffer.from(base64, 'base64'))
  } catch {
    return null
  }
}

function senseless(message: string): Credentials {
  return { type: 'senseless', message }
}
