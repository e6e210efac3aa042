import { type Mutant, testFile } from './mutant.ts'

const ACCESS = testFile('test/http/access.test.ts')
const SCOPE = testFile('test/http/scope.test.ts')
const PARTS = testFile('test/auth/primitives.test.ts')
const STATE = testFile('test/state/access.test.ts')

/** Who may do what. */
export const WHO_MAY_DO_WHAT: readonly Mutant[] = [
  {
    name: 'a role is enough for what takes a higher one',
    source: 'docs/security.md, roles',
    file: 'src/ipam/access.ts',
    find: 'return ROLES.indexOf(role) >= ROLES.indexOf(required)',
    replace: 'return ROLES.indexOf(role) >= ROLES.indexOf(required) - 1',
    caughtBy: ACCESS,
  },
  {
    name: 'the id of a key is enough, whatever the secret',
    source: 'docs/security.md, API keys',
    file: 'src/auth/authenticator.ts',
    find: 'return timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(secretHash))',
    replace: 'return timingSafeEqual(Buffer.from(secretHash), Buffer.from(secretHash)) && token !== null',
    caughtBy: ACCESS,
  },
  {
    name: 'a password that was right stays right when it is changed',
    source: 'docs/security.md, users',
    file: 'src/auth/password-checker.ts',
    find: "const identity = user === null ? 'nobody' :",
    replace: 'const identity = user !== null ? user.name :',
    caughtBy: PARTS,
  },
  {
    name: 'a node that is cut off goes on letting in who it knows',
    source: 'docs/security.md, what a follower knows',
    file: 'src/auth/authenticator.ts',
    find: 'if (now - this.#heardAt <= this.#staleMsMax) return',
    replace: 'if (now - this.#heardAt <= Number.POSITIVE_INFINITY) return',
    caughtBy: ACCESS,
  },
  {
    name: 'a command that leaves the scope of its key is carried out',
    source: 'docs/security.md, scopes',
    file: 'src/ipam/scope.ts',
    find: 'if (!store.wasLeft) return outcome',
    replace: 'if (!store.wasLeft || outcome.ok) return outcome',
    caughtBy: SCOPE,
  },
  {
    name: 'a route is open to keys with a scope although it keeps to none',
    source: 'docs/security.md, scopes',
    file: 'src/http/access.ts',
    find: 'if (identity.scope !== null && !keepsScope) {',
    replace: 'if (identity.scope !== null && !keepsScope && role === null) {',
    caughtBy: SCOPE,
  },
  {
    name: 'the last admin may go',
    source: 'docs/security.md, users',
    file: 'src/ipam/apply-access.ts',
    find: '  if (isLastAdmin(applying, user)) return refuseLastAdmin(user)\n  access.removeUser(name)',
    replace: '  access.removeUser(name)',
    caughtBy: STATE,
  },
]
