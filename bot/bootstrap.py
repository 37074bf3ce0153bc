"""Where ports meet adapters: everything a process needs is put together here, each part when it is first asked for."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from functools import cached_property

from dramatiq.brokers.redis import RedisBroker
from redis import Redis

from adapters import redis_store
from adapters.aws_session import AwsSession
from adapters.capacity import AwsCapacity
from adapters.catalogue import TableCatalogue
from adapters.charts import MatplotlibCharts
from adapters.clock import SharedClock, SystemClock
from adapters.dramatiq_queue import DramatiqQueue, build_broker
from adapters.fleet import EksFleet
from adapters.permissions import IamPermissions, Place
from adapters.prices import AwsPrices
from adapters.slack_board import SlackBoard
from adapters.slack_people import SlackPeople, SlackWorkspace
from adapters.slack_pictures import SlackPictures
from adapters.slack_reminders import SlackReminders
from adapters.slack_surface import SlackReplies, SlackSurface
from adapters.slack_wire import make_client
from bot.eyes import eyes, rules_here
from bot.identifiers import RandomIdentifiers
from bot.measures import MEASURES
from bot.settings import Settings
from domain.capacity import Foundation, Subnet
from handlers.routes import UseCases
from services.admin import Admin
from services.authority import Authority
from services.changes import Changes
from services.crier import Crier
from services.decisions import Decisions
from services.digester import Digester, Press
from services.doctor import Doctor, Instruments
from services.errands import PREFIX, Chores, Desk, Errander, ErrandRunner, Staff
from services.herald import Herald
from services.intake import Intake
from services.observer import Eyes, Observer
from services.performer import Performer
from services.ports import Beats, Clusters, StoreFacts, Switches
from services.queries import Queries
from services.reconciler import Crew, Reconciler
from services.requests import Requests
from services.surveyor import Surveyor
from services.sweeper import Lookout, Sweeper
from services.teller import Teller
from services.ticker import Ticker
from services.waker import Waker
from services.warden import Warden
from services.watcher import Watcher

PEOPLE_TIMEOUT_S = 1
ANSWER_TIMEOUT_S = 2


class Bootstrap:
    """The parts of one process. `redis_url` is where the records are, embedded or not."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self.settings = settings
        self._redis_url = redis_url
        self._rules = rules_here(settings.config)

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
        redis, clock = self.ack_redis, self.clock
        clusters, accounts = redis_store.RedisClusters(redis, MEASURES), redis_store.RedisAccounts(redis)
        queue, authority = DramatiqQueue(build_broker(redis)), self._authority(redis)
        switches, waker, ids = redis_store.RedisSwitches(redis), Waker(self._due(redis), queue), RandomIdentifiers()
        return UseCases(
            requests=Requests(
                clusters=clusters,
                waker=waker,
                catalogue=TableCatalogue(),
                prices=self._prices,
                ids=ids,
                clock=clock,
                authority=authority,
                accounts=accounts,
            ),
            decisions=Decisions(clusters=clusters, waker=waker, clock=clock, authority=authority, accounts=accounts),
            changes=Changes(clusters=clusters, waker=waker, clock=clock, authority=authority, accounts=accounts),
            queries=self._queries(redis, clusters, authority),
            admin=Admin(switches=switches, clock=clock, authority=authority),
            errander=Errander(errands=redis_store.RedisErrands(redis), queue=queue, authority=authority, ids=ids),
            people=self._people,
            authority=authority,
            rules=self._rules,
            clock=clock,
        )

    @cached_property
    def surface(self) -> SlackSurface:
        """Slack as the listeners answer through it."""
        url = self.settings.slack_api_url
        return SlackSurface(make_client(self.settings.bot_token, url, timeout_s=ANSWER_TIMEOUT_S), url)

    @cached_property
    def reconciler(self) -> Reconciler:
        """What a worker does with the id of a cluster."""
        redis, authority = self.redis, self._authority(self.redis)
        clusters = redis_store.RedisClusters(redis, MEASURES)
        crew = self._crew(clusters, authority)
        # A container's host name and pid come again after a restart; a lease must not.
        owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        return Reconciler(
            crew=crew, clusters=clusters, due=self._due(redis), clock=self.clock, authority=authority, owner=owner
        )

    def _crew(self, clusters: Clusters, authority: Authority) -> Crew:
        redis, eyes, clock, people = self.redis, self._eyes, self.clock, self._people
        states, board, prices = redis_store.RedisCardStates(redis), self._board, self._prices
        watcher = Watcher(eyes=eyes, trail=redis_store.RedisTrail(redis), clock=clock)
        allowances = redis_store.RedisAllowances(redis)
        return Crew(
            observer=Observer(eyes),
            performer=Performer(eyes, self._capacity),
            intake=Intake(
                surveyor=Surveyor(capacity=self._capacity, planes=eyes.planes, prices=prices),
                authority=authority,
                clusters=clusters,
                accounts=redis_store.RedisAccounts(redis),
                people=people,
            ),
            teller=Teller(board=board, states=states, clock=clock),
            herald=Herald(board=board, states=states, people=people, clusters=clusters, clock=clock),
            warden=Warden(watcher=watcher, clock=clock, authority=authority, allowances=allowances),
            crier=Crier(board=board, reminders=self._reminders, people=people, clusters=clusters, clock=clock),
            prices=prices,
        )

    @cached_property
    def errands(self) -> ErrandRunner:
        """What a worker does with an errand."""
        redis, authority = self.redis, self._authority(self.redis)
        clusters, beats = redis_store.RedisClusters(redis, MEASURES), self.beats
        desk = Desk(
            errands=redis_store.RedisErrands(redis),
            replies=SlackReplies(self.settings.slack_api_url),
            people=self._people,
            beats=beats,
        )
        sweeper = Sweeper(
            lookout=Lookout(EksFleet(self._session), self._eyes.groups, self._capacity),
            clusters=clusters,
            waker=Waker(self._due(redis), DramatiqQueue(self.broker)),
            beats=beats,
            clock=self.clock,
            authority=authority,
        )
        store, switches = redis_store.RedisStoreFacts(redis), redis_store.RedisSwitches(redis)
        staff = Staff(
            doctor=self.doctor(store=store, beats=beats, switches=switches, clusters=clusters),
            sweeper=sweeper,
            digester=self._digester(clusters, authority),
            queries=self._queries(redis, clusters, authority),
            charts=MatplotlibCharts(),
            pictures=SlackPictures(make_client(self.settings.bot_token, self.settings.slack_api_url)),
        )
        return ErrandRunner(desk=desk, authority=authority, staff=staff)

    def _digester(self, clusters: Clusters, authority: Authority) -> Digester:
        press = Press(
            people=self._people,
            reminders=self._reminders,
            board=self._board,
            states=redis_store.RedisCardStates(self.redis),
            once=redis_store.RedisOnce(self.redis),
        )
        return Digester(press=press, clusters=clusters, clock=self.clock, authority=authority)

    def work(self) -> Callable[[str], None]:
        """What a worker does with a message: an errand, or the id of a cluster to visit. Built before any thread runs it."""
        errands, reconciler = self.errands, self.reconciler

        def take(message: str) -> None:
            if message.startswith(PREFIX):
                errands.run(message)
            else:
                reconciler.visit(message)

        return take

    def doctor(self, *, store: StoreFacts, beats: Beats, switches: Switches, clusters: Clusters) -> Doctor:
        """The doctor over what is remembered in one place; Slack and AWS are those of this process."""
        instruments = Instruments(
            workspace=SlackWorkspace(make_client(self.settings.bot_token, self.settings.slack_api_url)),
            store=store,
            beats=beats,
            switches=switches,
            clusters=clusters,
            access=self._eyes.access,
            permissions=IamPermissions(self._session, self._eyes.access.own_principal, self._place()),
            capacity=self._capacity,
        )
        return Doctor(instruments=instruments, rules=self._rules, socket_mode=self.settings.socket_mode)

    @cached_property
    def ticker(self) -> Ticker:
        """What the scheduler runs."""
        return Ticker(
            due=self._due(self.redis),
            queue=DramatiqQueue(self.broker),
            once=redis_store.RedisOnce(self.redis),
            clusters=redis_store.RedisClusters(self.redis, MEASURES),
        )

    @cached_property
    def chores(self) -> Chores:
        """What the scheduler gives to workers."""
        return Chores(queue=DramatiqQueue(self.broker), once=redis_store.RedisOnce(self.redis))

    @cached_property
    def beats(self) -> redis_store.RedisBeats:
        """Where the loops of this process give signs of life."""
        return redis_store.RedisBeats(self.redis)

    def _queries(self, client: Redis, clusters: Clusters, authority: Authority) -> Queries:
        trail, accounts = redis_store.RedisTrail(client), redis_store.RedisAccounts(client)
        return Queries(clusters=clusters, clock=self.clock, authority=authority, trail=trail, accounts=accounts)

    def _authority(self, client: Redis) -> Authority:
        return Authority(rules=self._rules, switches=redis_store.RedisSwitches(client), clock=self.clock)

    def _due(self, client: Redis) -> redis_store.RedisDueSet:
        clock = self.clock
        speed = (lambda: clock.speed) if isinstance(clock, SharedClock) else 1.0
        return redis_store.RedisDueSet(client, speed=speed)

    @cached_property
    def _people(self) -> SlackPeople:
        client = make_client(self.settings.bot_token, self.settings.slack_api_url, timeout_s=PEOPLE_TIMEOUT_S)
        return SlackPeople(client, self._rules.user_groups)

    @cached_property
    def _board(self) -> SlackBoard:
        return SlackBoard(make_client(self.settings.bot_token, self.settings.slack_api_url), self._rules.language)

    @cached_property
    def _reminders(self) -> SlackReminders:
        return SlackReminders(self._rules.language)

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

    def _place(self) -> Place:
        """Permissions are asked for the first region: the foundation's policies are the same in each."""
        config, region = self.settings.config, self._rules.regions[0]
        given = config.foundations.get(region)
        roles = (given.cluster_role, given.node_role) if given is not None else ("", "")
        return Place(region, config.foundation_stack, *roles)

    @cached_property
    def _eyes(self) -> Eyes:
        return eyes(self._session, self._rules, self.clock.now)
