"""Real control planes for clusters of the world: kube-apiserver, its controllers, etcd and kwok, as processes on loopback."""
