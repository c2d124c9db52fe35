package ${package};

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.testkit.FakeMachine;
import org.junit.jupiter.api.Test;

/** Against a machine with RAM and rights, whose guest is the test. */
class FaultCounterTest {
    @Test
    void itCountsWhatIsStoppedAndPasses() {
        FaultCounter counter = new FaultCounter(0);
        try (FakeMachine fake = new FakeMachine(16)) {
            ProtectionLayer layer = fake.machine().protection().addLayer("test", counter);
            layer.protect(0x5000, 0x1000, Rights.R);
            assertNull(fake.access(0x5008, Rights.R));
            assertSame(Resolution.PASS, fake.access(0x5008, Rights.W));
            assertEquals(1, counter.faults());
            layer.close();
        }
    }
}
