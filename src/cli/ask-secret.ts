/** Questions whose answers do not show on the terminal. */
import type { ReadStream } from 'node:tty'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const ERASE = '\u007f\b'

/** @returns What `ClientShell.askSecret` is; null where nobody can be asked. */
export function secretAsker(
  input: ReadStream,
  prompt: (text: string) => void,
): ((question: string) => Promise<string>) | null {
  if (input.isTTY !== true) return null
  return (question) => {
    prompt(question)
    input.setRawMode(true)
    input.setEncoding('utf8')
    input.resume()
    return new Promise((resolve, reject) => {
      let answer = ''
      const end = (): void => {
        input.off('data', take)
        input.setRawMode(false)
        input.pause()
        prompt('\n')
      }
      const take = (text: string): void => {
        for (const character of text) {
          if (character === '\r' || character === '\n' || character === CTRL_D) {
            end()
            resolve(answer)
            return
          }
          if (character === CTRL_C) {
            end()
            reject(new SecretRefusedError('nothing was entered'))
            return
          }
          if (ERASE.includes(character)) answer = [...answer].slice(0, -1).join('')
          else answer += character
        }
      }
      input.on('data', take)
    })
  }
}

/** Ctrl-C instead of an answer. */
export class SecretRefusedError extends Error {
  override readonly name = 'SecretRefusedError'
}
