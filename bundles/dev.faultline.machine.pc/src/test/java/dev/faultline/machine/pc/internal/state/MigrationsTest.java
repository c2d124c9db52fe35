// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.vm.StateException;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

public class MigrationsTest {
    private final Migrations migrations = new Migrations();

    private record Step(String section, int from, int to, UnaryOperator<StateSection> how)
            implements StateMigrator {
        @Override
        public StateSection migrate(StateSection s) {
            return how.apply(s);
        }
    }

    public static StateMigrator step(String section, int from, int to, Consumer<StateSection> how) {
        return new Step(
                section,
                from,
                to,
                s -> {
                    StateSection made = s.withVersion(to);
                    how.accept(made);
                    return made;
                });
    }

    /** A step that writes down where it led. */
    private static StateMigrator step(String section, int from, int to) {
        return step(
                section,
                from,
                to,
                s -> s.put("way", (s.has("way") ? s.getString("way") : "") + from + to + " "));
    }

    private static StateSection section(String id, int version) {
        StateSection s = new StateSection(id, version, true);
        s.put("x", 5);
        return s;
    }

    private String way(int from, int to) throws StateException {
        return migrations.migrate(section("chip", from), to).getString("way");
    }

    private void refuses(StateException.Kind kind, StateSection s, int to, String... words) {
        assertThatThrownBy(() -> migrations.migrate(s, to))
                .hasMessageContainingAll(words)
                .hasMessageNotContaining("\n")
                .isInstanceOfSatisfying(
                        StateException.class, e -> assertThat(e.kind()).isEqualTo(kind));
    }

    @Test
    void stepsAreJoinedTheFewestFirst() throws Exception {
        migrations.use(
                List.of(
                        step("chip", 3, 4),
                        step("chip", 1, 2),
                        step("chip", 2, 3),
                        step("chip", 1, 3),
                        step("chip", 3, 9)));
        assertThat(way(1, 4)).isEqualTo("13 34 ");
        assertThat(way(2, 4)).isEqualTo("23 34 ");
        assertThat(way(1, 9)).isEqualTo("13 39 ");
        assertThat(way(1, 2)).isEqualTo("12 ");
    }

    @Test
    void theSavedSectionStaysAsItWasAndOptional() throws Exception {
        migrations.use(List.of(step("chip", 1, 2)));
        StateSection saved = section("chip", 1);
        StateSection made = migrations.migrate(saved, 2);
        assertThat(saved).isEqualTo(section("chip", 1));
        assertThat(made.optional()).isTrue();
        assertThat(made.getLong("x")).isEqualTo(5);
        assertThat(migrations.migrate(made, 2)).isSameAs(made);
    }

    @Test
    void aPrefixIsForNumberedSectionsOnly() throws Exception {
        migrations.use(List.of(step("vcpu", 1, 2)));
        assertThat(migrations.migrate(section("vcpu12", 1), 2).version()).isEqualTo(2);
        assertThat(migrations.migrate(section("vcpu", 1), 2).version()).isEqualTo(2);
        refuses(StateException.Kind.OLDER, section("vcpux", 1), 2, "no migrator");
        refuses(StateException.Kind.OLDER, section("xvcpu1", 1), 2, "no migrator");
    }

    @Test
    void theFirstOfEqualStepsIsTaken() throws Exception {
        migrations.use(
                List.of(
                        step("chip", 1, 2, s -> s.put("way", "high")),
                        step("chip", 1, 2, s -> s.put("way", "low"))));
        assertThat(way(1, 2)).isEqualTo("high");
    }

    @Test
    void aMissingWayNamesWhatThereIs() {
        migrations.use(List.of(step("chip", 2, 3), step("chip", 1, 2), step("chip", 4, 5)));
        refuses(
                StateException.Kind.OLDER,
                section("chip", 1),
                5,
                "section chip has version 1, this machine reads 5",
                "chip 2 to 3, chip 1 to 2, chip 4 to 5",
                "install a bundle");
    }

    @Test
    void newerIsNewerWhateverMigratorsThereAre() {
        migrations.use(List.of(step("chip", 1, 2)));
        refuses(
                StateException.Kind.NEWER,
                section("chip", 3),
                2,
                "has version 3, this machine reads 2");
    }

    /** Downwards, in a ring, nameless, throwing when asked: left out, and no way is endless. */
    @Test
    void nonsensicalStepsAreLeftOut() throws Exception {
        StateMigrator rude =
                new StateMigrator() {
                    @Override
                    public String section() {
                        throw new IllegalStateException("not today");
                    }

                    @Override
                    public int from() {
                        return 1;
                    }

                    @Override
                    public int to() {
                        return 2;
                    }

                    @Override
                    public StateSection migrate(StateSection s) {
                        return s;
                    }
                };
        migrations.use(
                List.of(
                        rude,
                        step("chip", 2, 1),
                        step("chip", 2, 2),
                        step(null, 1, 3),
                        step("", 1, 3),
                        step("chip", -1, 3),
                        step("chip", 1, 2)));
        assertThat(way(1, 2)).isEqualTo("12 ");
        refuses(StateException.Kind.OLDER, section("chip", 1), 3, "(chip 1 to 2)");
    }

    private void fails(UnaryOperator<StateSection> how, String... words) {
        migrations.use(List.of(step("chip", 1, 2), new Step("chip", 2, 3, how)));
        refuses(StateException.Kind.MIGRATION, section("chip", 1), 3, words);
        refuses(
                StateException.Kind.MIGRATION,
                section("chip", 1),
                3,
                "section chip",
                "from version 2 to 3",
                Step.class.getName());
    }

    @Test
    void nonsensicalAnswersAreNamed() {
        fails(s -> null, "gave nothing");
        fails(s -> s, "gave section chip version 2");
        fails(s -> s.withVersion(4), "gave section chip version 4");
        fails(s -> new StateSection("fish", 3), "gave section fish version 3");
        fails(
                s -> {
                    throw new IllegalArgumentException("two\nlines");
                },
                "threw",
                "two");
        fails(
                s -> {
                    throw new NoClassDefFoundError("gone");
                },
                "gone");
        fails(s -> s.withVersion((int) s.getLong("absent")), "key absent must be present");
    }
}
