// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.StateException;
import dev.faultline.api.vm.StateException.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The {@link StateMigrator}s there are, and the ways that they make together. Every step leads
 * upwards and none beyond the version that is read, so that no way is longer than their number. Any
 * thread.
 */
public final class Migrations {
    private static final System.Logger LOG = System.getLogger(Migrations.class.getName());

    /** A service's promises as it made them when it came. */
    private record Step(String section, int from, int to, StateMigrator migrator) {
        boolean matches(String id) {
            return id.startsWith(section)
                    && id.substring(section.length()).chars().allMatch(c -> c >= '0' && c <= '9');
        }

        String describe() {
            return "%s %d to %d".formatted(section, from, to);
        }
    }

    /** By ranking, the highest first. Replaced as a whole. */
    private volatile List<Step> steps = List.of();

    /** The services there are now, by ranking, the highest first. */
    public void use(Collection<StateMigrator> migrators) {
        List<Step> now = new ArrayList<>();
        for (StateMigrator m : migrators) {
            Step s = step(m);
            if (s != null) {
                now.add(s);
            }
        }
        steps = List.copyOf(now);
    }

    private static @Nullable Step step(StateMigrator m) {
        try {
            Step s = new Step(m.section(), m.from(), m.to(), m);
            if (s.section != null && !s.section.isEmpty() && s.from >= 0 && s.to > s.from) {
                return s;
            }
            LOG.log(
                    System.Logger.Level.WARNING,
                    "state migrator {0} is left out: it leads {1}, must be upwards and have a section",
                    Others.name(m),
                    s.describe());
        } catch (Throwable e) { // others' code
            LOG.log(
                    System.Logger.Level.WARNING,
                    "state migrator " + Others.name(m) + " is left out: " + Others.why(e),
                    e);
        }
        return null;
    }

    /**
     * The section in the version that its owner reads.
     *
     * @throws StateException if it is newer, if no way leads there, or a step fails
     */
    public StateSection migrate(StateSection saved, int version) throws StateException {
        if (saved.version() == version) {
            return saved;
        }
        if (saved.version() > version) {
            throw new StateException(
                    Kind.NEWER,
                    "saved state's section %s has version %d, this machine reads %d: restore it with the newer program that saved it"
                            .formatted(saved.id(), saved.version(), version));
        }
        StateSection s = saved;
        for (Step step : way(saved, version)) {
            s = take(step, s);
        }
        return s;
    }

    /** The fewest steps. */
    private Deque<Step> way(StateSection saved, int version) throws StateException {
        List<Step> ours = steps.stream().filter(s -> s.matches(saved.id())).toList();
        Map<Integer, Step> reachedBy = new HashMap<>();
        Deque<Integer> next = new ArrayDeque<>(List.of(saved.version()));
        while (!next.isEmpty() && !reachedBy.containsKey(version)) {
            int at = next.remove();
            for (Step s : ours) {
                if (s.from == at && s.to <= version && !reachedBy.containsKey(s.to)) {
                    reachedBy.put(s.to, s);
                    next.add(s.to);
                }
            }
        }
        Deque<Step> way = new ArrayDeque<>();
        for (int at = version; at != saved.version(); at = way.getFirst().from) {
            Step s = reachedBy.get(at);
            if (s == null) {
                throw new StateException(Kind.OLDER, noWay(saved, version, ours));
            }
            way.push(s);
        }
        return way;
    }

    private static String noWay(StateSection saved, int version, List<Step> ours) {
        return "saved state's section %s has version %d, this machine reads %d, and %s: install a bundle that migrates it, or restore it with the program that saved it"
                .formatted(
                        saved.id(),
                        saved.version(),
                        version,
                        ours.isEmpty()
                                ? "there is no migrator for it"
                                : "the migrators do not lead there ("
                                        + ours.stream()
                                                .map(Step::describe)
                                                .collect(Collectors.joining(", "))
                                        + ")");
    }

    private static StateSection take(Step step, StateSection s) throws StateException {
        StateSection made;
        try {
            made = step.migrator.migrate(s.withVersion(s.version()));
        } catch (Throwable e) { // others' code
            throw new StateException(Kind.MIGRATION, failed(step, s, "threw " + Others.why(e)), e);
        }
        if (made == null) {
            throw new StateException(Kind.MIGRATION, failed(step, s, "gave nothing"));
        }
        if (!s.id().equals(made.id()) || made.version() != step.to) {
            throw new StateException(
                    Kind.MIGRATION,
                    failed(
                            step,
                            s,
                            "gave section %s version %d".formatted(made.id(), made.version())));
        }
        return made;
    }

    private static String failed(Step step, StateSection s, String what) {
        return "saved state's section %s: its migrator from version %d to %d, %s, %s; repair or remove its bundle"
                .formatted(s.id(), step.from, step.to, Others.name(step.migrator), what);
    }
}
