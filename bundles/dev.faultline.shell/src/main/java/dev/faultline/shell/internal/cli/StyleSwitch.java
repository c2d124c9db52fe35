// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import java.io.IOException;
import java.util.Dictionary;
import java.util.Hashtable;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** Swaps the fault style as an operator does: by the configuration of the machine bundle. */
@Component(service = StyleSwitch.class)
public final class StyleSwitch {
    /** Configuration of the machine factory. */
    static final String PID = "dev.faultline.machine.pc";

    private final ConfigurationAdmin admin;

    @Activate
    public StyleSwitch(@Reference(name = "admin") ConfigurationAdmin admin) {
        this.admin = admin;
    }

    /**
     * Asks for a style for all machines; takes effect asynchronously, at an instruction boundary of
     * each.
     */
    public void set(String style) throws IOException {
        Configuration c = admin.getConfiguration(PID, "?");
        Dictionary<String, Object> p = c.getProperties();
        if (p == null) {
            p = new Hashtable<>();
        }
        p.put("fault.style", style);
        c.update(p);
    }
}
