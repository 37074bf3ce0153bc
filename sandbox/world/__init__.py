"""The world of the sandbox: a pure, clock-driven model of AWS and Kubernetes as raygpu meets them."""
