/** Writes src/client/generated from the description of the API: `npx tsx scripts/generate-client.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { generateClient } from './client-source.ts'

const FOLDER = 'src/client/generated'

mkdirSync(FOLDER, { recursive: true })
for (const [name, text] of Object.entries(generateClient())) writeFileSync(`${FOLDER}/${name}`, text)
