"""The only place with effects: one module or folder for each system outside, which translates its errors into ours."""
