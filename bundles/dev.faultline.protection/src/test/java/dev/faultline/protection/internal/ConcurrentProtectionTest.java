// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import static dev.faultline.api.protection.Rights.NONE;
import static dev.faultline.api.protection.Rights.R;
import static dev.faultline.api.protection.Rights.RW;
import static dev.faultline.api.protection.Rights.RWX;
import static dev.faultline.api.protection.Rights.RX;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.testkit.HangGuard;
import dev.faultline.testkit.memory.FakeMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConcurrentProtectionTest {
    private static final int ROUNDS = 3_000;
    private static final long GIB = 1L << 30;

    private final PageProtection protection = new PageProtection(FakeMemory.hollow(2 * GIB));
    private final ProtectionLayer user = protection.userLayer();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stop() {
        threads.shutdownNow();
        HangGuard.until("the threads end", threads::isTerminated);
    }

    private interface Work {
        void run() throws Exception;
    }

    private void together(Work... works) throws Exception {
        CyclicBarrier start = new CyclicBarrier(works.length);
        List<Future<?>> all = new ArrayList<>();
        for (Work w : works) {
            all.add(
                    threads.submit(() -> {
                        start.await();
                        w.run();
                        return null;
                    }));
        }
        for (Future<?> f : all) {
            f.get();
        }
    }

    /** Pages 0..20 share a word: even ones belong to one thread, odd ones to the other. */
    @Test
    void pagesOfOneWordDoNotDisturbEachOther() throws Exception {
        together(() -> cycle(0), () -> cycle(1));
        for (int p = 0; p < 21; p++) {
            assertThat(protection.rightsOf(p)).as("page %d", p).isEqualTo(p % 2 == 0 ? R : RX);
        }
    }

    private void cycle(int parity) {
        for (int i = 0; i < ROUNDS; i++) {
            for (int p = parity; p < 21; p += 2) {
                int rights = i == ROUNDS - 1 ? (parity == 0 ? R : RX) : i % 8;
                user.protectPage(p, rights);
                assertThat(protection.rightsOf(p)).isEqualTo(rights);
            }
        }
    }

    /**
     * One thread opens its own pages again and again while the other replaces the chunk's other
     * pages, whole and in parts.
     */
    @Test
    void replacingAChunkLosesNoPageOfIt() throws Exception {
        int mine = 100;
        ProtectionLayer other = protection.addLayer("other", null);
        AtomicBoolean done = new AtomicBoolean();
        together(
                () -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        other.protectPage(mine, i % 7);
                        // Only pages around ours: the chunk becomes free, and is dropped, whenever
                        // ours is RWX too.
                        assertThat(other.rightsOf(mine)).isEqualTo(i % 7);
                        other.protectPage(mine, RWX);
                        assertThat(other.rightsOf(mine)).isEqualTo(RWX);
                    }
                    done.set(true);
                },
                () -> {
                    while (!done.get()) {
                        other.protect(0, mine << 12, NONE);
                        other.protect((mine + 1) << 12, (511 - mine) << 12, R);
                        other.protect(0, mine << 12, RWX);
                        other.protect((mine + 1) << 12, (511 - mine) << 12, RWX);
                    }
                });
        assertThat(other.restrictedPages()).isZero();
    }

    @Test
    void wholeChunkAndPageChangesEndInOneOfTheTwo() throws Exception {
        for (int i = 0; i < ROUNDS; i++) {
            user.protect(0x200000, 0x200000, RW);
            user.protectPage(0x205, R);
            together(
                    () -> user.protect(0x200000, 0x200000, NONE),
                    () -> user.protectPage(0x210, RX));
            assertThat(protection.rightsOf(0x205)).isEqualTo(NONE);
            assertThat(protection.rightsOf(0x210)).isIn(NONE, RX);
            assertThat(protection.rightsOf(0x211)).isEqualTo(NONE);
        }
    }

    /** Whole groups change while a page of one is changed: chunked groups must not go again. */
    @Test
    void wholeGroupAndPageChangesEndInOneOfTheTwo() throws Exception {
        for (int i = 0; i < ROUNDS / 10; i++) {
            PageProtection p = new PageProtection(FakeMemory.hollow(2 * GIB));
            ProtectionLayer l = p.userLayer();
            together(
                    () -> l.protect(0, 2 * GIB, NONE),
                    () -> {
                        l.protectPage(0x205, RX);
                        l.protectPage(0x40205, R);
                        l.protectPage(0x40205, RX);
                    });
            assertThat(p.rightsOf(0x205)).isIn(NONE, RX);
            assertThat(p.rightsOf(0x40205)).isIn(NONE, RX);
            assertThat(l.restrictedPages()).isEqualTo(2 * GIB >>> 12);
            l.protect(0, 2 * GIB, RWX);
            assertThat(l.restrictedPages()).isZero();
        }
    }

    /**
     * A GiB goes from NONE to R, which narrows nothing, while a page of it is opened. If the page
     * ends with R it was narrowed, and that must have been told.
     */
    @Test
    void aPageOpenedMeanwhileIsToldWhenItsGroupCloses() throws Exception {
        for (int i = 0; i < ROUNDS / 3; i++) {
            PageProtection p = new PageProtection(FakeMemory.hollow(GIB));
            ProtectionLayer l = p.userLayer();
            l.protect(0, GIB, NONE);
            AtomicBoolean told = new AtomicBoolean();
            p.addListener((gpa, size) -> told.set(true));
            together(() -> l.protect(0, GIB, R), () -> l.protectPage(5, RWX));
            assertThat(p.rightsOf(5)).isIn(R, RWX);
            assertThat(told.get() || p.rightsOf(5) == RWX).isTrue();
            assertThat(p.rightsOf(6)).isEqualTo(R);
        }
    }

    /**
     * One thread has narrowed and not told yet; another that asks for the same must not return
     * without telling itself. Pages and ranges alike.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatIsNarrowAlreadyMayNotHaveBeenTold(boolean range) throws Exception {
        CountDownLatch first = new CountDownLatch(1);
        CountDownLatch second = new CountDownLatch(1);
        AtomicInteger told = new AtomicInteger();
        protection.addListener((gpa, size) -> {
            if (told.incrementAndGet() == 1) {
                first.countDown();
                try {
                    HangGuard.await(second, "event second");
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        });
        Work close =
                () -> {
                    if (range) {
                        user.protect(0x3000, 0x2000, NONE);
                    } else {
                        user.protectPage(3, NONE);
                    }
                };
        together(
                close,
                () -> {
                    HangGuard.await(first, "event first");
                    close.run();
                    int seen = told.get();
                    second.countDown();
                    assertThat(seen).isEqualTo(2);
                });
    }

    @Test
    void firstRestrictionsInNewGroupsAreNotLost() throws Exception {
        for (int i = 0; i < 200; i++) {
            PageProtection p = new PageProtection(FakeMemory.hollow(8 * GIB));
            ProtectionLayer l = p.userLayer();
            together(() -> closeEvery(l, 0), () -> closeEvery(l, 1));
            assertThat(l.restrictedPages()).isEqualTo(16);
        }
    }

    private static void closeEvery(ProtectionLayer l, int offset) {
        for (long gib = 0; gib < 8; gib++) {
            l.protectPage((gib << 18) + offset, NONE);
        }
    }

    /**
     * A reader may see the old or the new rights of a page, never a mixture, and never another
     * page's.
     */
    @Test
    void readersSeeOnlyRightsThatWereSet() throws Exception {
        user.protect(0, 2 * GIB, RW);
        AtomicBoolean done = new AtomicBoolean();
        AtomicInteger reads = new AtomicInteger();
        together(
                () -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        user.protectPage(7, RX);
                        user.protect(0x6000, 0x1000, RWX);
                        user.protect(0, 2 << 20, RW);
                    }
                    done.set(true);
                },
                () -> {
                    do {
                        assertThat(protection.rightsOf(7)).isIn(RW, RX);
                        assertThat(protection.rightsOf(8)).isEqualTo(RW);
                        assertThat(protection.rightsOf(6)).isIn(RW, RWX);
                        reads.incrementAndGet();
                    } while (!done.get());
                });
        assertThat(reads.get()).isPositive();
    }

    /**
     * The contract of protect: when it returns, the listener has been told since the rights were
     * stored. Two threads close the same page; each must find the page flushed on return, whichever
     * of them did it.
     */
    @Test
    void protectReturnsOnlyAfterTheFlush() throws Exception {
        AtomicBoolean cached = new AtomicBoolean();
        protection.addListener((gpa, size) -> {
            Thread.yield();
            cached.set(false);
        });
        for (int i = 0; i < ROUNDS; i++) {
            user.protectPage(3, RWX);
            cached.set(true);
            Work close =
                    () -> {
                        user.protectPage(3, NONE);
                        assertThat(cached.get())
                                .as("still cached after protect returned")
                                .isFalse();
                    };
            together(close, close);
        }
    }

    /**
     * Two vCPUs that protect from inside a listener wait for each other only if a lock is held
     * there.
     */
    @Test
    void listenersRunWithoutALockThatOthersNeed() throws Exception {
        CyclicBarrier meet = new CyclicBarrier(2);
        protection.addListener((gpa, size) -> {
            try {
                HangGuard.meet(meet);
            } catch (Exception e) {
                throw new IllegalStateException("the other thread cannot get here", e);
            }
        });
        together(() -> user.protectPage(1, NONE), () -> user.protectPage(2, NONE));
        assertThat(protection.rightsOf(1) | protection.rightsOf(2)).isEqualTo(NONE);
    }
}
