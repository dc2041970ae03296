"""The models (a) to (d) in SimPy, as its documentation teaches: a process for each request.

    simpy_models.py a|b|c|d REQUESTS SEED

prints the nanoseconds of processor time per completed request and the mean latency in seconds.
"""

import random
import sys
import time

import simpy


def one_station(env, workers, latencies):
    station = simpy.Resource(env, capacity=workers)

    def request():
        arrived = env.now
        with station.request() as turn:
            yield turn
            yield env.timeout(random.expovariate(1))
        latencies.append(env.now - arrived)

    return request


def three_tier(env, latencies):
    apps = [simpy.Resource(env, capacity=1) for _ in range(10)]
    db = simpy.Resource(env, capacity=20)

    def request():
        arrived = env.now
        with apps[random.randrange(10)].request() as turn:
            yield turn
            yield env.timeout(random.expovariate(1 / 0.008))
        with db.request() as turn:
            yield turn
            yield env.timeout(random.expovariate(1 / 0.016))
        latencies.append(env.now - arrived)

    return request


def life_cycle(env, latencies):
    apps = [simpy.Resource(env, capacity=4) for _ in range(10)]
    under_way = [0] * 10
    db = simpy.Resource(env, capacity=20)

    def serve(app):
        yield env.timeout(0.0005)
        with apps[app].request() as turn:
            yield turn
            yield env.timeout(random.expovariate(1 / 0.004))
            yield env.timeout(0.00025)
            with db.request() as connection:
                yield connection
                yield env.timeout(random.expovariate(1 / 0.016))
            yield env.timeout(0.00025)
            yield env.timeout(random.expovariate(1 / 0.002))
        yield env.timeout(0.0005)

    def request():
        arrived = env.now
        one, other = random.sample(range(10), 2)
        app = other if under_way[other] < under_way[one] else one
        under_way[app] += 1
        yield env.process(serve(app)) | env.timeout(1)
        under_way[app] -= 1
        latencies.append(env.now - arrived)

    return request


def run(model, requests):
    env = simpy.Environment()
    latencies = []
    request, rate = {
        "a": lambda: (one_station(env, 1, latencies), 0.8),
        "b": lambda: (one_station(env, 16, latencies), 12.8),
        "c": lambda: (three_tier(env, latencies), 1000),
        "d": lambda: (life_cycle(env, latencies), 1000),
    }[model]()
    enough = env.event()

    def arrivals():
        while True:
            yield env.timeout(random.expovariate(rate))
            env.process(request())
            if len(latencies) >= requests:
                enough.succeed()
                return

    env.process(arrivals())
    start = time.process_time_ns()
    env.run(until=enough)
    spent = time.process_time_ns() - start
    print(spent / len(latencies), sum(latencies) / len(latencies))


if __name__ == "__main__":
    random.seed(int(sys.argv[3]))
    run(sys.argv[1], int(sys.argv[2]))
