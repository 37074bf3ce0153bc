"""Where ports meet adapters: everything a process needs is put together here, each part when it is first asked for."""

from __future__ import annotations

import os
import secrets
import socket
from functools import cached_property

from dramatiq.brokers.redis import RedisBroker
from redis import Redis

from adapters import redis_store
from adapters.aws_session import AwsSession
from adapters.capacity import AwsCapacity
from adapters.catalogue import TableCatalogue
from adapters.clock import SharedClock, SystemClock
from adapters.dramatiq_queue import DramatiqQueue, build_broker
from adapters.eks import EksAddons, EksControlPlanes, EksNodeGroups
from adapters.eks_access import EksAccessEntries
from adapters.kube import EksTokens, HttpWire, KubeApiServer, KubeDevicePluginSets, KubeSmokePods
from adapters.leftovers import AwsLeftovers
from adapters.prices import AwsPrices
from adapters.slack_notifier import SlackBoard, SlackPeople, SlackSurface, make_client
from bot.identifiers import RandomIdentifiers
from bot.settings import Settings
from domain.capacity import Foundation, Subnet
from domain.lifecycle import is_live
from handlers.routes import UseCases
from services.decisions import Decisions
from services.deletions import Deletions
from services.observer import Eyes, Observer
from services.performer import Performer
from services.queries import Queries
from services.reconciler import Crew, Reconciler
from services.requests import Requests
from services.surveyor import Surveyor
from services.teller import Teller
from services.ticker import Ticker
from services.waker import Waker


class Bootstrap:
    """The parts of one process. `redis_url` is where the records are, embedded or not."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self.settings = settings
        self._redis_url = redis_url
        self._rules = settings.config.rules()

    @cached_property
    def ack_redis(self) -> Redis:
        """For those who wait: Slack gives three seconds."""
        return redis_store.connect(self._redis_url, redis_store.Role.ACK)

    @cached_property
    def redis(self) -> Redis:
        """For the reconcile, the queue and the ticks."""
        return redis_store.connect(self._redis_url, redis_store.Role.WORKER)

    @cached_property
    def clock(self) -> SystemClock | SharedClock:
        """The one clock of the bot."""
        speed = self.settings.clock_speed
        return SystemClock() if speed == 1 else SharedClock(self.ack_redis, speed)

    @cached_property
    def broker(self) -> RedisBroker:
        """Dramatiq's broker over the same Redis."""
        return build_broker(self.redis)

    @cached_property
    def use_cases(self) -> UseCases:
        """What the listeners call."""
        clusters = redis_store.RedisClusters(self.ack_redis, is_live)
        waker = Waker(self._due(self.ack_redis), DramatiqQueue(build_broker(self.ack_redis)))
        return UseCases(
            requests=Requests(
                clusters=clusters,
                waker=waker,
                catalogue=TableCatalogue(),
                prices=self._prices,
                ids=RandomIdentifiers(),
                clock=self.clock,
                rules=self._rules,
            ),
            decisions=Decisions(clusters=clusters, waker=waker, clock=self.clock, rules=self._rules),
            deletions=Deletions(clusters=clusters, waker=waker, clock=self.clock, rules=self._rules),
            queries=Queries(clusters=clusters, clock=self.clock, rules=self._rules),
            people=SlackPeople(make_client(self.settings.bot_token, self.settings.slack_api_url, timeout_s=1)),
            rules=self._rules,
            clock=self.clock,
        )

    @cached_property
    def surface(self) -> SlackSurface:
        """Slack as the listeners answer through it."""
        url = self.settings.slack_api_url
        return SlackSurface(make_client(self.settings.bot_token, url, timeout_s=2), url)

    @cached_property
    def reconciler(self) -> Reconciler:
        """What the worker runs."""
        eyes = self._eyes
        clusters = redis_store.RedisClusters(self.redis, is_live)
        board = SlackBoard(make_client(self.settings.bot_token, self.settings.slack_api_url))
        crew = Crew(
            observer=Observer(eyes),
            performer=Performer(eyes, self._capacity),
            surveyor=Surveyor(capacity=self._capacity, planes=eyes.planes, prices=self._prices),
            teller=Teller(board=board, states=redis_store.RedisCardStates(self.redis), clock=self.clock),
            prices=self._prices,
        )
        # A container's host name and pid come again after a restart; a lease must not.
        owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        return Reconciler(crew=crew, clusters=clusters, due=self._due(self.redis), clock=self.clock, owner=owner)

    @cached_property
    def ticker(self) -> Ticker:
        """What the scheduler runs."""
        return Ticker(
            due=self._due(self.redis),
            queue=DramatiqQueue(self.broker),
            once=redis_store.RedisOnce(self.redis),
            clusters=redis_store.RedisClusters(self.redis, is_live),
        )

    def _due(self, client: Redis) -> redis_store.RedisDueSet:
        clock = self.clock
        speed = (lambda: clock.speed) if isinstance(clock, SharedClock) else 1.0
        return redis_store.RedisDueSet(client, speed=speed)

    @cached_property
    def _session(self) -> AwsSession:
        return AwsSession()

    @cached_property
    def _prices(self) -> AwsPrices:
        return AwsPrices(self._session, self.clock)

    @cached_property
    def _capacity(self) -> AwsCapacity:
        config = self.settings.config
        given = {
            region: Foundation(
                region=region,
                vpc=found.vpc,
                subnets=tuple(Subnet(name, "", 0) for name in found.subnets),
                cluster_role=found.cluster_role,
                node_role=found.node_role,
            )
            for region, found in config.foundations.items()
        }
        return AwsCapacity(self._session, given, config.foundation_stack)

    @cached_property
    def _eyes(self) -> Eyes:
        session = self._session
        wire = HttpWire(EksTokens(session.boto3_session))
        return Eyes(
            planes=EksControlPlanes(session),
            groups=EksNodeGroups(session),
            addons=EksAddons(session),
            access=EksAccessEntries(session),
            api=KubeApiServer(wire),
            plugins=KubeDevicePluginSets(wire),
            smoke=KubeSmokePods(wire),
            leftovers=AwsLeftovers(session),
        )
