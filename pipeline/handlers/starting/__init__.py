"""How runs start: claims by events, requests and schedules; lost events; concurrency limits."""
