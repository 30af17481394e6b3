"""networkx: betweenness centrality by chunks of nodes, as in its gallery of examples."""

import itertools

import client
import networkx


def between(graph, sources, targets):
    client.witness()
    return networkx.betweenness_centrality_subset(graph, sources, targets, normalized=True)


def solve(star_map):
    graph = networkx.connected_watts_strogatz_graph(120, 6, 0.2, seed=4)
    chunks = list(itertools.batched(graph.nodes, 20)) if hasattr(itertools, "batched") else chunked(list(graph), 20)
    parts = star_map(between, [(graph, list(chunk), list(graph)) for chunk in chunks])
    whole = dict.fromkeys(graph, 0.0)
    for part in parts:
        for node, value in part.items():
            whole[node] += value
    return whole


def chunked(nodes, size):
    return [nodes[start : start + size] for start in range(0, len(nodes), size)]


if __name__ == "__main__":
    client.main(lambda: solve(itertools.starmap), lambda pool, face: solve(pool.starmap))
