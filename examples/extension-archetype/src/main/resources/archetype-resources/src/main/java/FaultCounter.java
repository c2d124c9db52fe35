package ${package};

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import java.util.concurrent.atomic.AtomicLong;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Asked about every stopped access that no protection layer's own handler answered. Counts, and leaves the answer to the next handler.
 *
 * Called on the vCPUs' threads, several at once: be quick. The fault is reused after the call; keep fault.copy() if you must.
 */
@Component(configurationPid = FaultCounter.PID)
@Designate(ocd = FaultCounter.Config.class)
public final class FaultCounter implements FaultHandler {
    private static final System.Logger LOG = System.getLogger(FaultCounter.class.getName());

    /** Its configuration: the file PID.cfg in etc/ or deploy/, one KEY=VALUE a line. */
    static final String PID = "${package}.faults";

    /** What the operator may set; Faultline names wrong values with their file. */
    @ObjectClassDefinition(id = PID, name = "Fault counter", description = "Counts stopped accesses.")
    public @interface Config {
        @AttributeDefinition(name = "Report", description = "a line in the log after this many faults; 0: never", min = "0")
        long report_every() default 0;
    }

    private final AtomicLong faults = new AtomicLong();
    private final long reportEvery;

    @Activate
    public FaultCounter(Config config) {
        this(config.report_every());
    }

    FaultCounter(long reportEvery) {
        this.reportEvery = reportEvery;
    }

    @Override
    public Resolution onFault(String machine, PageFault fault) {
        long now = faults.incrementAndGet();
        if (reportEvery > 0 && now % reportEvery == 0) {
            LOG.log(System.Logger.Level.INFO, "{0} faults, the last at {1}", now, fault);
        }
        return Resolution.PASS;
    }

    long faults() {
        return faults.get();
    }

    @Deactivate
    void deactivate() {
        LOG.log(System.Logger.Level.INFO, "saw {0} faults", faults);
    }
}
