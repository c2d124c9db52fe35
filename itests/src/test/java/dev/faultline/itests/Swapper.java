// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.testkit.HangGuard;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicReference;

/** Swaps everything in a random order that the seed fixes. */
final class Swapper implements Runnable {
    /** How many swaps a run makes. */
    static final int SWAPS = 250;

    private static final int BUNDLES_EVERY = 5;
    private static final List<String> BUNDLES =
            List.of(
                    "dev.faultline.cpu.interpreter",
                    "dev.faultline.cpu.translator",
                    "dev.faultline.fault.coded",
                    "dev.faultline.fault.thrown",
                    "dev.faultline.mmu",
                    "dev.faultline.memory",
                    "dev.faultline.protection",
                    "dev.faultline.device.pc",
                    "dev.faultline.platform.posix");

    private static final List<String> ENGINES =
            List.of("interpreter", "translator", "interpreter-small");

    private final Typed typed;
    private final Machine machine;
    private final SplittableRandom random;

    /** By what was swapped, how often; read by others at any time. */
    final Map<String, Integer> done = new ConcurrentSkipListMap<>();

    final AtomicReference<Throwable> failure = new AtomicReference<>();
    private ProtectionLayer layer;
    private Typed.Registered handler;

    Swapper(Typed typed, Machine machine, long seed) {
        this.typed = typed;
        this.machine = machine;
        random = new SplittableRandom(seed);
    }

    int count() {
        return done.values().stream().mapToInt(Integer::intValue).sum();
    }

    @Override
    public void run() {
        try {
            for (int i = 0; i < SWAPS; i++) {
                String what = i % BUNDLES_EVERY == 0 ? bundle(i / BUNDLES_EVERY) : other();
                done.merge(what, 1, Integer::sum);
                typed.awaitProgress(machine, "after " + what);
                // clock: so that swaps are not in step, no verdict
                Thread.sleep(random.nextInt(4));
            }
            if (layer != null) {
                layer.close();
            }
            if (handler != null) {
                handler(); // opens the pages that nobody would open any more
            }
        } catch (Exception | AssertionError e) {
            failure.set(e);
        }
    }

    private String bundle(int round) throws Exception {
        String name = BUNDLES.get(round % BUNDLES.size());
        if (round / BUNDLES.size() % 2 == 0) {
            typed.bundle(name).update();
        } else {
            typed.bundle(name).stop();
            typed.bundle(name).start();
        }
        return name.substring("dev.faultline.".length());
    }

    private String other() throws Exception {
        switch (random.nextInt(7)) {
            case 0 -> machine.swapFaultStyle(random.nextBoolean() ? "thrown" : "coded");
            case 1 -> swapEngine(ENGINES.get(random.nextInt(ENGINES.size())));
            case 2 -> {
                typed.configure(
                        "fault.style", machine.faultStyle().equals("coded") ? "thrown" : "coded");
                return "style by configuration";
            }
            case 3 -> {
                int next = (ENGINES.indexOf(machine.engine()) + 1) % ENGINES.size();
                typed.configure("engine", ENGINES.get(next));
                return "engine by configuration";
            }
            case 4 -> {
                policy();
                return "protection policy";
            }
            case 5 -> {
                handler();
                return "handler";
            }
            default -> {
                typed.smallInterpreter(
                        1 + random.nextInt(8), 2 + random.nextInt(30), 16 + random.nextInt(500));
                return "engine's own configuration";
            }
        }
        return "by request";
    }

    /** A changed configuration of the engine's takes it away for a moment, at a time of its own. */
    private void swapEngine(String name) {
        HangGuard.until(
                "the machine runs on " + name,
                () -> {
                    try {
                        machine.swapEngine(name);
                        return true;
                    } catch (MachineException e) {
                        return false;
                    }
                });
    }

    /** Another layer, or none; all its pages are closed and each fault opens one. */
    private void policy() {
        ProtectionLayer old = layer;
        if (random.nextInt(3) != 0) {
            ProtectionLayer[] added = new ProtectionLayer[1];
            added[0] =
                    machine.protection()
                            .addLayer(
                                    "policy-" + count(),
                                    (name, fault) -> {
                                        added[0].protectPage(fault.gfn(), Rights.RWX);
                                        return Resolution.RETRY;
                                    });
            added[0].protect(0, machine.config().ramBytes(), Rights.NONE);
            layer = added[0];
        } else {
            layer = null;
        }
        if (old != null) {
            old.close();
        }
    }

    /** The whiteboard's handler comes or goes, with pages that the user's layer closes. */
    private void handler() {
        ProtectionLayer user = machine.protection().userLayer();
        if (handler == null) {
            handler =
                    typed.register(
                            FaultHandler.class,
                            (name, fault) -> {
                                user.protectPage(fault.gfn(), Rights.RWX);
                                return Resolution.RETRY;
                            });
            user.protect(0, machine.config().ramBytes(), Rights.R);
        } else {
            user.protect(0, machine.config().ramBytes(), Rights.RWX);
            handler.close();
            handler = null;
        }
    }
}
