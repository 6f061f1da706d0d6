"""Services: the store, connections, facts, migration sessions, jobs. asyncio without Qt; the outer world by ports."""
