/** The operator's mistake: one line that says what is wrong, where, and the way out. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
