import type { Drill } from '../drill.js'

export const drill: Drill = {
  name: 's3-5xx',
  injects: 'S3, which holds the lake and the sources, answers 500 to every request',
  undoneBy: 'it answers as it should',
  // No tick can list what there is: the interval that ends next has no run.
  expects: { alarm: 'missing_run', afterMs: ({ pace }) => pace.everyMs + pace.graceMs },
  world: () => ({ breaks: ['s3'] }),
  async inject(world) {
    await world.part('s3').break('failing')
    return () => world.part('s3').mend()
  },
}
